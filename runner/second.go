package runner

import (
	"fmt"
	"slices"

	"github.com/partywall/partywall/suites"
)

// familyOf is by which of its addresses a pod of the source's own is tried, to
// show that the source has a way out of the family that an attempt is made by.
func familyOf(a suites.Attempt) suites.Address {
	if a.Address == suites.PodIP2 {
		return suites.PodIP2
	}
	return suites.PodIP
}

// bindSecond finds out whether both sides of an attempt have a second address.
// Where no probe has one, there is nothing to try: nodes have ranges of
// addresses that the network plugin does not give to pods. Where some have,
// what others lack is no wall.
func (b *binder) bindSecond(c *cell) {
	var lacking *pod
	for _, q := range []*pod{c.source, c.target} {
		if !q.second().IsValid() {
			lacking = q
		}
	}
	switch {
	case lacking == nil:
	case b.anySecond():
		c.problem = fmt.Sprintf("probe %s of namespace %s, on %s, has an address of one family alone, while others have two",
			slotNames[lacking.slot], lacking.place.where(), lacking.node)
	default:
		c.attempt.Skip = "the probes have addresses of one family alone"
	}
}

func (b *binder) anySecond() bool {
	for _, p := range b.places {
		if p.hasSecond() {
			return true
		}
	}
	return false
}

// hasSecond says that one of a place's probes has a second address.
func (p *place) hasSecond() bool {
	return slices.ContainsFunc(p.pods[:], func(q *pod) bool { return q != nil && q.second().IsValid() })
}

// noteSecond says that there are second addresses which the plan knew nothing of.
func (r *run) noteSecond() {
	if !r.tenancy.DualStack && slices.ContainsFunc(r.places, (*place).hasSecond) {
		r.note("the probes have addresses of two families, of which the second is not tried: neither the tenants' pods nor the nodes' " +
			"ranges of addresses showed before that the cluster is dual stack")
	}
}
