package runner

import (
	"net/netip"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// waysOut tells for a source and a round the best that shows it able to reach
// anything at all.
type waysOut map[*pod][verdicts.Rounds]verdicts.SourceControl

// waysOut looks at everything that the sources tried and may reach: what was
// put there as a control, what the tenancy allows, and, weakest, the resolver.
func (r *run) waysOut() waysOut {
	ways := waysOut{}
	for _, c := range r.controls {
		if c.source == c.target || c.do == probes.DoDNS {
			continue // no way out, or one that the resolver is
		}
		rung := verdicts.RungSameNamespace
		switch {
		case c.target == nil || c.source.place.tenant != c.target.place.tenant:
			rung = verdicts.RungCrossing
		case c.source.place != c.target.place:
			rung = verdicts.RungSameTenant
		}
		ways.add(rung, c.before)
		ways.add(rung, c.after)
	}
	for _, c := range r.cells {
		if c.attempt.Expect == suites.Allowed {
			ways.add(verdicts.RungCrossing, c.shots)
		}
	}
	for _, c := range r.cells {
		ways.addResolver(c.shots)
	}
	for _, c := range r.controls {
		ways.addResolver(c.before)
		ways.addResolver(c.after)
	}
	return ways
}

// add takes shots of a kind in, one a round. What was reached counts, and the
// first thing that was; else the last failure stands.
func (w waysOut) add(rung verdicts.Rung, shots []*shot) {
	for round, s := range shots {
		all := w[s.source]
		if all[round].Outcome == probes.Reached || s.outcome == "" {
			continue
		}
		all[round] = verdicts.SourceControl{Outcome: s.outcome, Rung: rung}
		w[s.source] = all
	}
}

// addResolver counts the answer of a resolver, where there is nothing better.
func (w waysOut) addResolver(shots []*shot) {
	for round, s := range shots {
		all := w[s.source]
		if all[round].Outcome == probes.Reached || !s.resolved() {
			continue
		}
		all[round] = verdicts.SourceControl{Outcome: probes.Reached, Rung: verdicts.RungResolver}
		w[s.source] = all
	}
}

// resolved says that a resolver answered the question of a shot, be it that
// there is no such name.
func (s *shot) resolved() bool {
	if s.order.Do == probes.DoDNS {
		return s.outcome == probes.Reached || s.outcome == probes.Unresolved
	}
	if _, err := netip.ParseAddr(s.order.Host); err == nil || s.order.Host == "" || s.observation == nil {
		return false
	}
	switch s.observation.Phase {
	case probes.PhaseResolve:
		return s.observation.DNS == probes.DNSNXDomain || s.observation.DNS == probes.DNSNoData
	case "":
		return false
	}
	return true
}
