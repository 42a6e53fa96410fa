package runner

import (
	"context"
	"fmt"
	"slices"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// tryAgain makes all rounds anew, once, for what lacks evidence in one round
// and not in another: a control that was lost, a stream that was cut, a node
// that was short of time. What got through in the first go stays so, and what
// lacks evidence in all rounds alike is not tried again.
func (p *part) tryAgain(ctx context.Context) {
	lacking := p.lacking()
	if len(lacking) == 0 || ctx.Err() != nil {
		return
	}
	attempts := make([]suites.Attempt, len(p.cells))
	for i, c := range p.cells {
		attempts[i] = *c.attempt
	}
	again := p.bind(attempts, p.number, true)
	again.anew, again.lastRound = true, p.lastRound
	anew := make(map[*cell]*cell, len(lacking))
	for _, i := range lacking {
		anew[p.cells[i]] = again.cells[i]
	}
	again.narrow(lacking, p.controls)
	again.rounds(ctx)
	p.nonces = append(p.nonces, again.nonces...)
	p.again, p.anewOf = again, anew
	p.note(fmt.Sprintf("%d attempts lacked evidence in one of their rounds and were made anew, in rounds of their own%s", len(lacking), p.name()))
}

// lacking are the places of the cells that are worth another go.
func (p *part) lacking() []int {
	var lacking []int
	rules, ways := verdicts.RulesOf(p.tenancy), p.waysOut()
	for i, c := range p.cells {
		if c.tried() && c.inquiry == nil && verdicts.LacksByChance(p.caseOf(c, ways), rules) {
			lacking = append(lacking, i)
		}
	}
	return lacking
}

// narrow leaves only some of a part's cells, in their order, with the crossings that their
// sources may use, and the controls that these rest on: at their targets, and as
// their sources' ways out. What answered before need not be waited for.
func (p *part) narrow(to []int, before []*control) {
	sources, needed := map[*pod]bool{}, map[*control]bool{}
	for _, i := range to {
		sources[p.cells[i].source] = true
		for _, r := range p.cells[i].controls {
			needed[r.control] = true
			if r.standsFor != nil {
				needed[r.standsFor] = true
			}
		}
	}
	var cells []*cell
	for i, c := range p.cells {
		_, lacks := slices.BinarySearch(to, i)
		if lacks || c.tried() && c.attempt.Expect == suites.Allowed && sources[c.source] {
			cells = append(cells, c)
		}
	}
	answered := map[controlKey]bool{}
	for _, c := range before {
		answered[c.controlKey] = c.answered
	}
	p.cells = cells
	p.controls = slices.DeleteFunc(p.controls, func(c *control) bool { return !needed[c] && !sources[c.source] })
	for _, c := range p.controls {
		c.answered = answered[c.controlKey]
	}
}

// best is a cell as its first go shows it, or as the other does where the first
// lacked evidence and still shows nothing that got through. Of another go that
// was cut short counts what got through, and nothing else.
func (p *part) best(c *cell, ways, anew waysOut) verdicts.Case {
	first := p.caseOf(c, ways)
	other := p.anewOf[c]
	if other == nil || first.Undeclared() {
		return first
	}
	second := p.again.caseOf(other, anew)
	if p.again.cut && !second.Undeclared() {
		return first
	}
	return second
}
