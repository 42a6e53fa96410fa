package suites

import (
	"iter"
	"math"
	"slices"

	"github.com/partywall/partywall/tenancy"
)

// Part is a part of the matrix: who tries, and on whom.
type Part struct {
	From, To []tenancy.Tenant
	// Rest says that From tries too what is no tenant's alone: shared services,
	// listed ones, and what lies outside.
	Rest bool
}

// Whole is the whole matrix.
func Whole(t *tenancy.Tenancy) Part { return Part{From: t.Tenants, To: t.Tenants, Rest: true} }

// partSize is about how many attempts are planned, made and judged at a time.
// The memory that a run takes grows with it.
const partSize = 6144

// Plan is what a selection leaves of all that could be tried. It is made anew
// each time, part by part, since the whole may be more than memory holds.
type Plan struct {
	registry Registry
	tenancy  *tenancy.Tenancy
	keep     func(Attempt) bool
	whole    int
	size     int
}

// Whole is how many attempts there would be without a selection.
func (p *Plan) Whole() int { return p.whole }

// Len is how many there are.
func (p *Plan) Len() int { return p.size }

// Parts are the attempts, those that stand beside each other in the same part.
func (p *Plan) Parts() iter.Seq[[]Attempt] {
	return func(yield func([]Attempt) bool) {
		var kept []Attempt
		for tile := range p.tiles() {
			tile = slices.DeleteFunc(tile, func(a Attempt) bool { return !p.keep(a) })
			if len(kept) > 0 && len(kept)+len(tile) > partSize {
				if !yield(kept) {
					return
				}
				kept = nil
			}
			if kept == nil {
				kept = tile // which is nearly all of a part, and not held twice
				continue
			}
			kept = append(kept, tile...)
		}
		if len(kept) > 0 {
			yield(kept)
		}
	}
}

// All are the attempts one by one.
func (p *Plan) All() iter.Seq[Attempt] {
	return func(yield func(Attempt) bool) {
		for part := range p.Parts() {
			for _, a := range part {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// tiles cut the matrix into squares, whose attempts rest on few controls for
// their number, and plan all of each.
func (p *Plan) tiles() iter.Seq[[]Attempt] {
	return func(yield func([]Attempt) bool) {
		side := p.side()
		for from := range slices.Chunk(p.tenancy.Tenants, side) {
			rest := true
			for to := range slices.Chunk(p.tenancy.Tenants, side) {
				tile := p.registry.Plan(p.tenancy, Part{From: from, To: to, Rest: rest})
				regrade(tile, p.tenancy)
				if !yield(tile) {
					return
				}
				rest = false
			}
		}
	}
}

// side is of how many tenants a square of about a part's size is, going by the
// first few.
func (p *Plan) side() int {
	few := p.tenancy.Tenants[:min(len(p.tenancy.Tenants), 4)]
	if len(few) < 2 {
		return 1
	}
	pairs := len(few) * (len(few) - 1)
	planned := len(p.registry.Plan(p.tenancy, Part{From: few, To: few}))
	return max(2, int(math.Sqrt(float64(partSize*pairs)/float64(max(planned, pairs)))))
}
