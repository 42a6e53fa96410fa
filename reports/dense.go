package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

const (
	groupSize = 10 // columns that stand together without a line between
	mostLabel = 24 // of a tenant's name beside its row
	frame     = 3  // what a column of the table costs beside its text
)

// writeDense has one symbol a pair, ten to a group, in as many blocks of
// columns as the width asks for. With very many tenants it draws only what has
// something to look at, and names the rest.
func writeDense(w io.Writer, g *grid, opt Options) error {
	rows := g.drawnRows()
	per := g.columnsPerBlock(rows, opt)
	left := map[heed][]string{} // blocks of columns that are not drawn
	for from := 0; from < len(g.cols); from += per {
		to := min(from+per, len(g.cols))
		if h := g.heed(0, len(g.rows), from, to); len(g.rows) > foldAbove && h != attention {
			left[h] = append(left[h], g.span(from, to))
			continue
		}
		drawn, err := g.block(rows, from, to, opt)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, drawn); err != nil {
			return err
		}
	}
	g.writeLeftOut(w, rows, left, opt)
	return nil
}

// drawnRows are all rows, or where there are very many those to look at.
func (g *grid) drawnRows() []int {
	var rows []int
	for i := range g.rows {
		if len(g.rows) <= foldAbove || g.heedRow(i) == attention {
			rows = append(rows, i)
		}
	}
	return rows
}

func (g *grid) span(from, to int) string {
	if to-from == 1 {
		return g.number(from)
	}
	return g.number(from) + " to " + g.number(to-1)
}

// columnsPerBlock is how many fit beside the labels: all of them, or else
// whole groups, or in the narrowest of terminals a part of one.
func (g *grid) columnsPerBlock(rows []int, opt Options) int {
	label := twwidth.Width(corner)
	for _, i := range rows {
		label = max(label, twwidth.Width(g.shortLabel(i, opt)))
	}
	room := opt.width() - label - frame - 1
	groups := (len(g.cols) + groupSize - 1) / groupSize
	if len(g.cols)+groups*frame <= room {
		return len(g.cols)
	}
	if fit := room / (groupSize + frame); fit > 0 {
		return fit * groupSize
	}
	return max(room-frame, 1)
}

// block draws columns from (inclusive) to (exclusive).
func (g *grid) block(rows []int, from, to int, opt Options) (string, error) {
	height := 0
	for j := from; j < to; j++ {
		height = max(height, len(g.number(j)))
	}
	header := []string{corner}
	for at := from; at < to; at += groupSize {
		header = append(header, g.upright(at, min(at+groupSize, to), height))
	}
	lines := make([][]string, 0, len(rows))
	for _, i := range rows {
		cells := []string{g.shortLabel(i, opt)}
		for at := from; at < to; at += groupSize {
			cells = append(cells, g.symbols(i, at, min(at+groupSize, to), opt))
		}
		lines = append(lines, cells)
	}
	return table(header, lines, roomy)
}

// upright writes the numbers of the columns from top to bottom.
func (g *grid) upright(from, to, height int) string {
	lines := make([]strings.Builder, height)
	for j := from; j < to; j++ {
		number := fmt.Sprintf("%*s", height, g.number(j))
		for k := range lines {
			lines[k].WriteByte(number[k])
		}
	}
	texts := make([]string, height)
	for k := range lines {
		texts[k] = lines[k].String()
	}
	return strings.Join(texts, "\n")
}

func (g *grid) symbols(row, from, to int, opt Options) string {
	var b strings.Builder
	for col := from; col < to; col++ {
		c := g.cells[[2]int{row, col}]
		if c == nil {
			b.WriteString(g.blank(row, col))
			continue
		}
		k := c.worst()
		b.WriteString(opt.paint(k, classes[k].symbol))
	}
	return b.String()
}

// shortLabel cuts a long name; writeLeftOut tells the whole of it.
func (g *grid) shortLabel(row int, opt Options) string {
	room := len(fmt.Sprint(len(g.rows))) + 1 + min(mostLabel, opt.width()/4)
	return cut(g.rowLabel(row), room)
}

// writeLeftOut says in words what was not drawn, so that every tenant is named
// in full.
func (g *grid) writeLeftOut(w io.Writer, rows []int, blocks map[heed][]string, opt Options) {
	drawn := map[int]bool{}
	var shortened []string
	for _, i := range rows {
		drawn[i] = true
		if g.shortLabel(i, opt) != g.rowLabel(i) {
			shortened = append(shortened, g.plainLabel(i))
		}
	}
	left := map[heed][]string{}
	for i := range g.rows {
		if !drawn[i] {
			h := g.heedRow(i)
			left[h] = append(left[h], g.plainLabel(i))
		}
	}
	if len(shortened) > 0 {
		writeList(w, opt, "In full:", shortened)
	}
	for _, kind := range []struct {
		heed  heed
		words string
	}{{clean, "Nothing to look at"}, {untried, "Nothing tried"}} {
		if list := left[kind.heed]; len(list) > 0 {
			writeList(w, opt, kind.words+" from "+plural(len(list), "tenant")+":", list)
		}
		if list := blocks[kind.heed]; len(list) > 0 {
			writeList(w, opt, kind.words+" towards columns", list)
		}
	}
	fmt.Fprint(w, g.numbersLegend(opt))
}

func (g *grid) plainLabel(row int) string { return strings.TrimSpace(g.rowLabel(row)) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
