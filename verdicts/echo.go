package verdicts

import (
	"fmt"
	"slices"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// judgeEcho judges echo requests that nobody answered. The target's kernel
// answers them and tells nobody, so that the best that there is to be had is
// unreached. Whatever kind of denial was promised, an echo can only be lost.
func judgeEcho(r Result, c Case, rules Rules) Result {
	if why := mayNotPing(c); why != "" {
		return r.as(Skipped, why)
	}
	if why := incomplete(c); why != "" {
		return r.as(Inconclusive, why)
	}
	if why := noSource(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	if deafToAll(c) {
		return r.as(Skipped, fmt.Sprintf("%s answers no echo request, not even its own pods' from %s: what is lost to all tells nothing of a wall", c.To.Tenant, node(c)))
	}
	if why := noControl(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	return r.as(Unreached, fmt.Sprintf("no echo came back to %s from %s (%s), while %s had one from %s, before, during and after each; kernels keep no receipts of them",
		c.From.Tenant, c.To.Tenant, rounds(c), controlWords(c.Rounds[0].Control.Rung, c.To.Tenant), node(c)))
}

// noPing are the errors by which a kernel keeps a pod from echo requests.
var noPing = []string{"EACCES", "EPERM", "EPROTONOSUPPORT"}

// mayNotPing says why the source never sent an echo request, where it may not.
func mayNotPing(c Case) string {
	for _, s := range c.Rounds {
		if s.Observation == nil || s.Observation.Phase != "" || !slices.Contains(noPing, s.Observation.Errno) {
			return ""
		}
	}
	if len(c.Rounds) < Rounds {
		return ""
	}
	return "a pod may send no echo request from " + node(c) + ": " + c.Rounds[0].Observation.Error
}

// deafToAll says that the network lost the controls as it lost the attempts,
// always.
func deafToAll(c Case) bool {
	lost := []probes.Outcome{probes.Dropped, probes.Unreachable}
	for _, s := range c.Rounds {
		if s.Control.Rung == RungNone || s.Control.Rung == "" {
			return false
		}
		for _, o := range []probes.Outcome{s.Outcome, s.Control.Before, s.Control.During, s.Control.After} {
			if !slices.Contains(lost, o) {
				return false
			}
		}
	}
	return len(c.Rounds) == Rounds
}

// nobodyByNode says that a target whose pod answers its tenant does not do so
// by a port of a node: to whoever guards it every node is a stranger. That is a
// way which is closed, or none, and what cannot be told apart is not tried.
func nobodyByNode(c Case, beside Verdict) string {
	if c.Attempt.Service != "" || !c.Attempt.Address.ByNode() || !deafToAll(c) || beside != Isolated && beside != Leak {
		return ""
	}
	return fmt.Sprintf("by a port of %s %s answers nobody, not even its own pods from %s: nothing shows that there is a way; by the pod's own address it is %s",
		nodeWords(c.Attempt.Address), c.To.Tenant, node(c), beside)
}

func nodeWords(a suites.Address) string {
	if a == suites.OtherNodePort {
		return "another node than its own"
	}
	return "its own node"
}
