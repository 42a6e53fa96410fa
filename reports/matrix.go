package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/partywall/partywall/verdicts"
)

// The cells in which nothing was tried, and the corner of the table.
const (
	cellEmpty  = "·"
	cellItself = "—"
	corner     = "from \\ to" // heads the labels of the rows
)

// foldAbove is the number of tenants above which the rows and columns that
// have nothing to look at are named instead of drawn.
const foldAbove = 40

// Matrix writes who reached whom: a row a tenant that tried, a column a tenant
// or shared service that was tried. It takes the most telling of three layouts
// that fits the width: words and counts, symbols and counts under numbered
// columns, or a symbol a pair in blocks of columns.
func Matrix(w io.Writer, rec *verdicts.Record, opt Options) error {
	out := bufio.NewWriter(w)
	g := gridOf(rec)
	if len(g.rows) == 0 {
		fmt.Fprintln(out, "No tenants, so nothing was tried.")
		return out.Flush()
	}
	if err := writeGrid(out, g, opt); err != nil {
		return err
	}
	writeWrapped(out, opt, "", legend(g))
	writeWrapped(out, opt, "", countsLine(rec))
	if err := writeLayers(out, g.layers.Pairs(), opt); err != nil {
		return err
	}
	return out.Flush()
}

func writeGrid(w io.Writer, g *grid, opt Options) error {
	for _, layout := range []func(*grid, Options) (string, error){worded, counted} {
		// So many columns cannot fit in words: laying them out only to measure
		// would cost seconds.
		if len(g.cols)*2 > opt.width() {
			break
		}
		drawn, err := layout(g, opt)
		if err != nil {
			return err
		}
		if fits(drawn, opt) {
			_, err := io.WriteString(w, drawn)
			return err
		}
	}
	return writeDense(w, g, opt)
}

func fits(drawn string, opt Options) bool {
	for l := range strings.Lines(drawn) {
		if twwidth.Width(strings.TrimSuffix(l, "\n")) > opt.width() {
			return false
		}
	}
	return true
}

// worded has each cell in words, under the tenants' names.
func worded(g *grid, opt Options) (string, error) {
	header := []string{corner}
	for _, c := range g.cols {
		header = append(header, c.label())
	}
	rows := make([][]string, len(g.rows))
	for i, name := range g.rows {
		rows[i] = []string{Harmless(name)}
		for j := range g.cols {
			rows[i] = append(rows[i], g.words(i, j, opt))
		}
	}
	return table(header, rows, roomy)
}

func (c column) label() string {
	if c.kind != ofTenant {
		return Harmless(c.name) + "\n(" + columnKinds[c.kind].word + ")"
	}
	return Harmless(c.name)
}

// words tells every class of a cell that needs attention, or where there is
// none what the cell consists of.
func (g *grid) words(row, col int, opt Options) string {
	c := g.cells[[2]int{row, col}]
	if c == nil {
		return g.blank(row, col)
	}
	var lines []string
	for k := range classCount {
		n := c.counts[k]
		if n == 0 || c.worst().attention() && !k.attention() {
			continue
		}
		count := fmt.Sprint(n)
		if k.attention() {
			count = fmt.Sprintf("%d/%d", n, c.total)
		}
		lines = append(lines, wordLines(k, count, opt)...)
	}
	return strings.Join(lines, "\n")
}

// wordLines takes a second line for a long word, so that three or four tenants
// fit an ordinary terminal.
func wordLines(k class, count string, opt Options) []string {
	const room = 15
	begin, word := classes[k].symbol+" "+count, classes[k].word
	if twwidth.Width(begin)+1+len(word) <= room {
		return []string{opt.paint(k, begin+" "+word)}
	}
	return []string{opt.paint(k, begin), opt.paint(k, "  "+word)}
}

func (g *grid) blank(row, col int) string {
	if g.itself(row, col) {
		return cellItself
	}
	return cellEmpty
}

// counted has each cell as a symbol and how many attempts ended so, under the
// tenants' numbers.
func counted(g *grid, opt Options) (string, error) {
	header := []string{corner}
	for j := range g.cols {
		header = append(header, g.number(j))
	}
	rows := make([][]string, len(g.rows))
	for i := range g.rows {
		rows[i] = []string{g.rowLabel(i)}
		for j := range g.cols {
			rows[i] = append(rows[i], g.count(i, j, opt))
		}
	}
	drawn, err := table(header, rows, tight)
	return drawn + g.numbersLegend(opt), err
}

func (g *grid) count(row, col int, opt Options) string {
	c := g.cells[[2]int{row, col}]
	if c == nil {
		return g.blank(row, col)
	}
	k := c.worst()
	return opt.paint(k, fmt.Sprintf("%s%d", classes[k].symbol, c.counts[k]))
}

// number is what stands over a column instead of its name: the number of the
// row with the same tenant, or S1, S2, ... for shared services and O1, O2, ...
// for what lies outside.
func (g *grid) number(col int) string {
	kind, n := g.cols[col].kind, 1
	for _, c := range g.cols[:col] {
		if c.kind == kind {
			n++
		}
	}
	return fmt.Sprintf("%s%d", columnKinds[kind].letter, n)
}

// rowLabel carries the number of the tenant's column.
func (g *grid) rowLabel(row int) string {
	return fmt.Sprintf("%*d %s", len(fmt.Sprint(len(g.rows))), row+1, Harmless(g.rows[row]))
}

// numbersLegend resolves the numbers that no row resolves.
func (g *grid) numbersLegend(opt Options) string {
	var b strings.Builder
	for kind := ofShared; int(kind) < len(columnKinds); kind++ {
		var names []string
		for j, c := range g.cols {
			if c.kind == kind {
				names = append(names, g.number(j)+" "+Harmless(c.name))
			}
		}
		if len(names) > 0 {
			writeList(&b, opt, columnKinds[kind].heading, names)
		}
	}
	return b.String()
}

// legend explains the symbols that the matrix uses.
func legend(g *grid) string {
	var used [classCount]bool
	empty, itself := false, false
	for i := range g.rows {
		for j := range g.cols {
			c := g.cells[[2]int{i, j}]
			switch {
			case c != nil:
				for k := range classCount {
					used[k] = used[k] || c.counts[k] > 0
				}
			case g.itself(i, j):
				itself = true
			default:
				empty = true
			}
		}
	}
	var parts []string
	for k := range classCount {
		if used[k] {
			parts = append(parts, classes[k].symbol+" "+classes[k].meaning)
		}
	}
	if empty {
		parts = append(parts, cellEmpty+" nothing tried")
	}
	if itself {
		parts = append(parts, cellItself+" itself")
	}
	return strings.Join(parts, ", ") + ". A cell shows its worst verdict."
}

// allVerdicts are those there are, in the design's order.
var allVerdicts = []verdicts.Verdict{verdicts.Isolated, verdicts.Unreached, verdicts.Allowed, verdicts.Leak,
	verdicts.Broken, verdicts.Excepted, verdicts.Inconclusive, verdicts.Skipped}

// countsLine is the result in one line, the verdicts in the design's order.
func countsLine(rec *verdicts.Record) string {
	counts := map[verdicts.Verdict]int{}
	noted := 0
	for r := range rec.Results.All() {
		counts[r.Verdict]++
		if classOf(r) == classNoted {
			noted++
		}
	}
	var parts []string
	for _, v := range allVerdicts {
		part := fmt.Sprintf("%d %s", counts[v], v)
		if v == verdicts.Leak && noted > 0 {
			part += fmt.Sprintf(" (%d below the threshold)", noted)
		}
		if counts[v] > 0 {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "Verdicts: none"
	}
	return "Verdicts: " + strings.Join(parts, ", ")
}
