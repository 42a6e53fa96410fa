package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// heat is the matrix as the page takes it: how the attempts of each suite on
// each pair ended.
type heat struct {
	places *gridBuilder
	suites []string
	cells  map[[2]int][]suiteCount
}

// suiteCount counts how the attempts of a suite ended on one pair.
type suiteCount struct {
	suite  int
	counts [classCount]uint32
}

func newHeat(h verdicts.Header) *heat {
	return &heat{places: newGridBuilder(h), cells: map[[2]int][]suiteCount{}}
}

// add counts a result, and gives its row and column.
func (h *heat) add(r *verdicts.Result) [2]int {
	suite := slices.Index(h.suites, r.Suite)
	if suite < 0 {
		suite = len(h.suites)
		h.suites = append(h.suites, r.Suite)
	}
	at := h.places.place(r)
	counts := h.cells[at]
	i := slices.IndexFunc(counts, func(c suiteCount) bool { return c.suite == suite })
	if i < 0 {
		i = len(counts)
		counts = append(counts, suiteCount{suite: suite})
		h.cells[at] = counts
	}
	counts[i].counts[classOf(r)]++
	return at
}

// heatJSON is the matrix in few words. Pairs that ended alike share their
// counts, and neighbours that ended alike their entry, since most do.
type heatJSON struct {
	Rows   []placeJSON `json:"rows"`
	Cols   []placeJSON `json:"cols"`
	Suites []string    `json:"suites"`
	// Counts has one entry for each way in which pairs ended: suite.class.count,
	// with a space between.
	Counts []string `json:"counts"`
	// Cells has one line a row: the number of an entry of Counts, or - where
	// nothing was tried, with *N behind it for N cells in a row.
	Cells []string `json:"cells"`
}

// placeJSON is a row or a column. Those of one owner are not tried with each
// other.
type placeJSON struct {
	Name  string `json:"name"`
	Kind  string `json:"kind,omitempty"`
	Owner string `json:"owner,omitempty"`
}

func (h *heat) json() heatJSON {
	g := h.places.grid
	out := heatJSON{Rows: []placeJSON{}, Cols: []placeJSON{}, Suites: []string{}, Counts: []string{}, Cells: []string{}}
	for _, s := range h.suites {
		out.Suites = append(out.Suites, word(s))
	}
	for _, name := range g.rows {
		out.Rows = append(out.Rows, placeJSON{Name: word(name), Owner: word(ownerOf(g, name))})
	}
	for _, c := range g.cols {
		p := placeJSON{Name: word(c.name), Kind: columnKinds[c.kind].word}
		if c.kind == ofTenant {
			p.Owner = word(ownerOf(g, c.name))
		}
		out.Cols = append(out.Cols, p)
	}
	known := map[string]int{}
	for i := range g.rows {
		out.Cells = append(out.Cells, h.row(i, known, &out.Counts))
	}
	return out
}

func ownerOf(g *grid, name string) string {
	if owner := g.owner[name]; owner != "" {
		return owner
	}
	return name
}

// row writes the cells of a row, and adds to the counts those that are new.
func (h *heat) row(i int, known map[string]int, counts *[]string) string {
	var b strings.Builder
	last, run := "", 0
	flush := func() {
		if run > 0 {
			b.WriteString(" " + last)
		}
		if run > 1 {
			b.WriteString("*" + strconv.Itoa(run))
		}
	}
	for j := range h.places.grid.cols {
		entry := "-"
		if cell := h.cells[[2]int{i, j}]; cell != nil {
			entry = strconv.Itoa(number(spell(cell), known, counts))
		}
		if entry != last {
			flush()
			last, run = entry, 0
		}
		run++
	}
	flush()
	return strings.TrimPrefix(b.String(), " ")
}

func number(text string, known map[string]int, list *[]string) int {
	n, ok := known[text]
	if !ok {
		n = len(*list)
		known[text] = n
		*list = append(*list, text)
	}
	return n
}

func spell(cell []suiteCount) string {
	var parts []string
	for _, c := range cell {
		for k, n := range c.counts {
			if n > 0 {
				parts = append(parts, fmt.Sprintf("%d.%d.%d", c.suite, k, n))
			}
		}
	}
	return strings.Join(parts, " ")
}
