package verdicts

import (
	"fmt"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// judgeWitnessed judges an attempt on our witness outside that did not get
// through. That nothing arrived proves a wall only where the witness was there
// to see it: before, during and after it answered a tenant that may reach it, and it
// shows that arrival. The runner stands elsewhere: by it alone, the way out of
// the cluster may be down for everybody, which is no wall.
func judgeWitnessed(r Result, c Case) Result {
	if why := unwitnessed(c); why != "" {
		return r.as(Inconclusive, "no evidence from the witness outside: "+why)
	}
	for i, s := range c.Rounds {
		if s.Control.Rung == RungNone || !s.Control.Reached() {
			return r.as(Inconclusive, fmt.Sprintf("round %d: the witness outside did not answer who may reach it before, during and after (%s, %s, %s), "+
				"so that it may not have been there to see an arrival", i+1, said(s.Control.Before), said(s.Control.During), said(s.Control.After)))
		}
		if s.Outcome == probes.Blackholed {
			return r.as(Unreached, fmt.Sprintf("round %d: %s was stopped by its own proxy, and nothing arrived at the witness outside; "+
				"what stops those who go past that proxy is not shown", i+1, c.From.Tenant))
		}
	}
	gap := c.Rounds[len(c.Rounds)-1].At.Sub(c.Rounds[0].At).Round(time.Second)
	nothing := fmt.Sprintf("nothing of %d attempts, %s apart, arrived at %s (%s); ", len(c.Rounds), gap, outside(c), rounds(c))
	if weakest(c, func(s Seen) Rung { return s.Control.Rung }, RungRunner) == RungRunner {
		return r.as(Unreached, nothing+"it answered the runner before, during and after each, on the same port; that the cluster has a way there at all is not shown, "+
			"which a tenant that may reach the witness would (promises.egress.witness.tenants)")
	}
	return r.as(Isolated, nothing+fmt.Sprintf("the same port answered a tenant that may from %s, before, during and after each", node(c)))
}

func witnessedLeak(c Case, o probes.Outcome) string {
	to := outside(c)
	switch {
	case c.Attempt.Address == suites.Resolver && o == probes.Reached:
		return fmt.Sprintf("%s had the cluster's resolver ask %s for a fresh name: it arrived and was answered; what is in a name leaves the cluster", c.From.Tenant, to)
	case c.Attempt.Address == suites.Resolver:
		return fmt.Sprintf("%s had the cluster's resolver ask %s for a fresh name, which arrived, whatever came back; what is in a name leaves the cluster", c.From.Tenant, to)
	case o == probes.Reached:
		return fmt.Sprintf("%s reached %s: the attempt arrived and was answered", c.From.Tenant, to)
	case o == probes.Received:
		return fmt.Sprintf("%s saw a failure on its way to %s, which recorded the arrival: what leaves is not stopped", c.From.Tenant, to)
	}
	return fmt.Sprintf("%s asked for %s and somebody else answered (%s)", c.From.Tenant, to, o)
}
