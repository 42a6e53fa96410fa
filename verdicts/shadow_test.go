package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// ofShadow makes the target of a case a shadow.
func ofShadow(c Case) Case {
	c.To = Side{Tenant: "globex", Namespace: "api", Workload: "Deployment/db"}
	c.Attempt.To = suites.Place{Tenant: "globex", Namespace: "api", Workload: "Deployment/db"}
	return c
}

func TestShadowsAreCalledByTheirWorkload(t *testing.T) {
	r := Judge(ofShadow(ideal(probes.Reached)), Rules{}, "")
	assert.Equal(t, Leak, r.Verdict)
	assert.Equal(t, "acme reached globex (api/Deployment/db) on TCP port 9007: the attempt arrived and was answered", r.Why)
	r = Judge(ofShadow(ideal(probes.Dropped)), Rules{}, "")
	assert.Equal(t, Isolated, r.Verdict)
	assert.Contains(t, r.Why, "arrived at globex (api/Deployment/db)")
	assert.Contains(t, r.Why, "answered globex's own pod")
}

// A workload may be walled off tighter than its tenant; but what is not proven
// to be walled off is not known to be.
func TestWhatIsDeclaredMayBeClosedToAShadow(t *testing.T) {
	for _, c := range []struct {
		outcome probes.Outcome
		spoil   func(*Seen)
		want    Verdict
	}{
		{probes.Reached, func(*Seen) {}, Allowed},
		{probes.Misrouted, func(*Seen) {}, Leak},
		{probes.Dropped, func(*Seen) {}, Skipped},
		{probes.Dropped, func(s *Seen) { s.Control.After = probes.Dropped }, Inconclusive},
		{probes.Dropped, func(s *Seen) { s.Source.Outcome = probes.Dropped }, Inconclusive},
		{probes.Error, func(*Seen) {}, Inconclusive},
	} {
		declared := ofShadow(ideal(c.outcome))
		declared.Attempt.Expect = suites.Allowed
		eachRound(&declared, c.spoil)
		r := Judge(declared, Rules{}, "")
		assert.Equal(t, c.want, r.Verdict, r.Why)
		if c.want == Skipped {
			assert.Contains(t, r.Why, "a workload may be walled off tighter than its tenant: acme could not use globex (api/Deployment/db) on port 9007")
		}
	}
}
