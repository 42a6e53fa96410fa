package reports

import (
	"cmp"
	"slices"

	"github.com/partywall/partywall/verdicts"
)

// grid is the matrix before it is laid out: who tried whom, and how it ended.
type grid struct {
	rows   []string // tenants that try, each followed by the shadows of its workloads
	cols   []column
	owner  map[string]string // the tenant of each name
	cells  map[[2]int]*cell  // by row and column
	layers verdicts.Layers
}

type column struct {
	name string
	kind columnKind
}

// columnKind tells tenants from what else is tried.
type columnKind int

const (
	ofTenant  columnKind = iota
	ofShared             // a shared service
	ofOutside            // the internet, the nodes, the cluster's own machinery
)

// columnKinds are their letters, where a column has a number, and their words.
var columnKinds = []struct{ letter, word, heading string }{
	ofTenant: {}, ofShared: {"S", "shared", "Shared services:"}, ofOutside: {"O", "outside", "Outside:"},
}

// cell counts the results of one pair.
type cell struct {
	counts [classCount]int
	total  int
}

// worst is the class that needs a reader's attention most.
func (c *cell) worst() class {
	for k := range classCount {
		if c.counts[k] > 0 {
			return k
		}
	}
	return classSkipped
}

// gridOf counts a record. Tenants and services come in the header's order; any
// that only a result knows follow, so that no result is left out.
func gridOf(rec *verdicts.Record) *grid {
	b := newGridBuilder(rec.Header)
	for r := range rec.Results.All() {
		b.add(r)
		b.grid.layers.Add(r)
	}
	return b.grid
}

type gridBuilder struct {
	grid   *grid
	shared []string
	row    map[string]int
	col    map[column]int
}

func newGridBuilder(h verdicts.Header) *gridBuilder {
	b := &gridBuilder{
		grid:   &grid{cells: map[[2]int]*cell{}, owner: map[string]string{}},
		shared: h.Shared,
		row:    map[string]int{},
		col:    map[column]int{},
	}
	for _, t := range h.Tenants {
		b.tenant(verdicts.Side{Tenant: t.Name})
		for _, s := range t.Shadows {
			b.tenant(s)
		}
	}
	for _, s := range h.Shared {
		b.colOf(column{name: s, kind: ofShared})
	}
	return b
}

// tenant gives a tenant, or a shadow, a row and a column.
func (b *gridBuilder) tenant(s verdicts.Side) {
	b.grid.owner[s.Who()] = s.Tenant
	b.rowOf(s.Who())
	b.colOf(column{name: s.Who()})
}

func (b *gridBuilder) rowOf(name string) int {
	at, ok := b.row[name]
	if !ok {
		at = len(b.grid.rows)
		b.row[name] = at
		b.grid.rows = append(b.grid.rows, name)
	}
	return at
}

func (b *gridBuilder) colOf(c column) int {
	at, ok := b.col[c]
	if !ok {
		at = len(b.grid.cols)
		b.col[c] = at
		b.grid.cols = append(b.grid.cols, c)
	}
	return at
}

// place is the row and the column of a result.
func (b *gridBuilder) place(r *verdicts.Result) [2]int {
	return [2]int{b.rowOf(r.From.Who()), b.colOf(columnOf(r, b.shared))}
}

func (b *gridBuilder) add(r *verdicts.Result) {
	at := b.place(r)
	c := b.grid.cells[at]
	if c == nil {
		c = &cell{}
		b.grid.cells[at] = c
	}
	c.counts[classOf(r)]++
	c.total++
}

// columnOf is the tenant that was tried, or the shared service: an attempt on
// one has its name in the tenant's place.
func columnOf(r *verdicts.Result, shared []string) column {
	switch {
	case r.Out:
		return column{name: r.To.Tenant, kind: ofOutside}
	case r.Service != "" && r.To.Tenant == "":
		return column{name: r.Service, kind: ofShared}
	case r.Service != "" && slices.Contains(shared, r.To.Tenant):
		return column{name: r.To.Tenant, kind: ofShared}
	default:
		return column{name: r.To.Who()}
	}
}

// itself says whether the cell is a tenant's with itself, which is not tried.
func (g *grid) itself(row, col int) bool {
	from, to := g.rows[row], g.cols[col].name
	return g.cols[col].kind == ofTenant && cmp.Or(g.owner[from], from) == cmp.Or(g.owner[to], to)
}

// heed says what a part of the grid asks of a reader.
type heed int

const (
	untried heed = iota // nothing is known of it, which is not the same as clean
	clean
	attention
)

// heed looks at a span of rows and columns, both up to and without their ends.
func (g *grid) heed(row, rowEnd, col, colEnd int) heed {
	most := untried
	for i := row; i < rowEnd; i++ {
		for j := col; j < colEnd; j++ {
			c := g.cells[[2]int{i, j}]
			switch {
			case c == nil:
			case c.worst().attention():
				return attention
			default:
				most = clean
			}
		}
	}
	return most
}

func (g *grid) heedRow(row int) heed { return g.heed(row, row+1, 0, len(g.cols)) }
