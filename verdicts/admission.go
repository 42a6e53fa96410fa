package verdicts

import (
	"fmt"
	"time"

	"github.com/partywall/partywall/probes"
)

// judgeAdmission judges what the API server said when it was asked for a pod
// that a tenant ought not to have. That it would let one in, once, is a leak. A
// refusal is one of what makes the pod so only where the same pod without it was
// let in each time.
func judgeAdmission(r Result, c Case) Result {
	r.Outcome = worst(c.Rounds)
	with, where := c.Attempt.Change.With, fmt.Sprintf("namespace %s of %s", c.From.Namespace, c.From.Tenant)
	if c.Attempt.Change.Patch == "" {
		return judgeInjection(r, c, where)
	}
	if through(r.Outcome) {
		return r.as(Leak, fmt.Sprintf("admission would let a pod with %s into %s: the API server accepted one as a dry run", with, where))
	}
	if len(c.Rounds) < Rounds {
		return r.as(Inconclusive, incomplete(c))
	}
	for i, s := range c.Rounds {
		if s.Control.During != probes.Reached {
			return r.as(Inconclusive, fmt.Sprintf("round %d: the same pod without %s was not let into %s either, so that nothing shows what a refusal is for: %s",
				i+1, with, where, s.Control.Error))
		}
	}
	if why := incomplete(c); why != "" {
		return r.as(Inconclusive, why)
	}
	gap := c.Rounds[len(c.Rounds)-1].At.Sub(c.Rounds[0].At).Round(time.Second)
	return r.as(Isolated, fmt.Sprintf("admission let no pod with %s into %s by any of %d dry runs, %s apart (%s), and each time the same pod without it",
		with, where, len(c.Rounds), gap, c.Rounds[0].Observation.Error))
}

// judgeInjection judges whether a pod that asks for nothing gets a proxy. It is its
// own control: whatever else admission says of it is about neither.
func judgeInjection(r Result, c Case, where string) Result {
	if through(r.Outcome) {
		return r.as(Leak, fmt.Sprintf("a pod that asks for nothing would run without the mesh's proxy in %s: admission let one in as a dry run, and "+
			"put none beside it, while the tenancy promises a mesh", where))
	}
	if why := incomplete(c); why != "" {
		return r.as(Inconclusive, why)
	}
	for i, s := range c.Rounds {
		if s.Control.During != probes.Reached {
			return r.as(Inconclusive, fmt.Sprintf("round %d: the same pod was not let into %s at all: %s", i+1, where, s.Control.Error))
		}
	}
	return r.as(Isolated, fmt.Sprintf("admission put the mesh's proxy beside a pod that asks for nothing in %s, in each of %d dry runs", where, len(c.Rounds)))
}
