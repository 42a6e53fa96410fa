package runner

import (
	"net/netip"
	"slices"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// waysOut tells for a source, a family of addresses and a round the best that
// shows it able to reach anything at all.
type waysOut map[exit][verdicts.Rounds]verdicts.SourceControl

// exit is a way out of a pod. What it reaches by addresses of one family shows
// nothing of the other.
type exit struct {
	source *pod
	family suites.Address // by which of its addresses a pod is reached that way
}

func (c *cell) exit() exit { return exit{c.source, familyOf(*c.attempt)} }

// waysOut looks at everything that the sources tried beside the attempts, and may
// reach: what was put there as a control, what the tenancy allows, and, weakest,
// the resolver. What they reached before or after shows no way out meanwhile.
func (p *part) waysOut() waysOut {
	ways := waysOut{}
	for _, c := range p.controls {
		if c.source == c.target || c.do == probes.DoDNS || c.pastProxy() {
			continue // no way out, one that the resolver is, or one that says nothing of the way that is tried
		}
		rung := verdicts.RungSameNamespace
		switch {
		case c.target == nil || c.source.place.tenant != c.target.place.tenant:
			rung = verdicts.RungCrossing
		case c.source.place.namespace != c.target.place.namespace:
			rung = verdicts.RungSameTenant
		}
		ways.add(exit{c.source, familyOf(suites.Attempt{Address: c.address})}, rung, c.during)
	}
	for _, c := range p.cells {
		if c.attempt.Expect == suites.Allowed {
			ways.add(c.exit(), verdicts.RungCrossing, c.amongAll())
		}
	}
	for _, c := range p.cells {
		ways.addResolver(c.amongAll())
	}
	for _, c := range p.controls {
		ways.addResolver(c.during)
	}
	return ways
}

// pastProxy says that a control goes by none of the ways that its source tries:
// a mesh's proxy takes the TCP of its pod, and leaves the rest alone.
func (c *control) pastProxy() bool {
	return c.source.place.proxied && !slices.Contains([]probes.Do{probes.DoHTTP, probes.DoTCP, probes.DoH2C, probes.DoTLS, probes.DoBanner}, c.do)
}

// amongAll are the cell's shots as they were made among all attempts.
func (c *cell) amongAll() []*shot {
	if len(c.among) > 0 {
		return c.among
	}
	return c.shots
}

// add takes shots of a kind in, one a round. What was reached counts, and the
// first thing that was; else the last failure stands.
func (w waysOut) add(by exit, rung verdicts.Rung, shots []*shot) {
	for round, s := range shots {
		all := w[by]
		if all[round].Outcome == probes.Reached || s.outcome == "" {
			continue
		}
		all[round] = verdicts.SourceControl{Outcome: s.outcome, Rung: rung}
		w[by] = all
	}
}

// addResolver counts the answer of a resolver, where there is nothing better.
// Which family it was asked by is not known: it is taken for the first.
func (w waysOut) addResolver(shots []*shot) {
	for round, s := range shots {
		if s.source.place.proxied {
			continue // its questions go past the proxy, which alone is tried
		}
		by := exit{s.source, suites.PodIP}
		all := w[by]
		if all[round].Outcome == probes.Reached || !s.resolved() {
			continue
		}
		all[round] = verdicts.SourceControl{Outcome: probes.Reached, Rung: verdicts.RungResolver}
		w[by] = all
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
