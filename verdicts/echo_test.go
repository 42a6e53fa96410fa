package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// controlsEnd has the controls end as they ought not to.
func controlsEnd(o probes.Outcome) func(*Case) {
	return func(c *Case) {
		eachRound(c, func(s *Seen) { s.Control.Before, s.Control.During, s.Control.After = o, o, o })
	}
}

func TestEchoes(t *testing.T) {
	may := func(errno string) func(*Case) {
		return func(c *Case) {
			eachRound(c, func(s *Seen) { s.Observation = &probes.Observation{Errno: errno, Error: "no"} })
		}
	}
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		want    Verdict
	}{
		"answered":                      {probes.Reached, func(*Case) {}, Leak},
		"answered once":                 {probes.Dropped, func(c *Case) { c.Rounds[1].Outcome = probes.Reached }, Leak},
		"lost, and not to its tenant":   {probes.Dropped, func(*Case) {}, Unreached},
		"lost to its tenant too":        {probes.Dropped, controlsEnd(probes.Dropped), Skipped},
		"lost to its tenant at last":    {probes.Dropped, func(c *Case) { c.Rounds[1].Control.After = probes.Dropped }, Inconclusive},
		"a control that could not ping": {probes.Dropped, controlsEnd(probes.Error), Inconclusive},
		"no control":                    {probes.Dropped, func(c *Case) { eachRound(c, func(s *Seen) { s.Control = Control{Rung: RungNone} }) }, Inconclusive},
		"a source that reaches nothing": {probes.Dropped, func(c *Case) { eachRound(c, func(s *Seen) { s.Source = SourceControl{} }) }, Inconclusive},
		"a kernel that lets no pod":     {probes.Error, may("EACCES"), Skipped},
		"a kernel that has no such":     {probes.Error, may("EPROTONOSUPPORT"), Skipped},
		"a kernel out of descriptors":   {probes.Error, may("EMFILE"), Inconclusive},
		"one round":                     {probes.Dropped, func(c *Case) { c.Rounds = c.Rounds[:1] }, Inconclusive},
		"not allowed, and one round":    {probes.Error, func(c *Case) { may("EACCES")(c); c.Rounds = c.Rounds[:1] }, Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			c := ideal(tc.outcome)
			c.Attempt.Check, c.Attempt.Do, c.Attempt.Port = "icmp", probes.DoICMP, tenancy.Port{Protocol: "icmp"}
			eachRound(&c, func(s *Seen) { s.Arrivals = Arrivals{} })
			tc.spoil(&c)
			r := Judge(c, Rules{Denial: []probes.Outcome{probes.Forbidden}}, "")
			assert.Equal(t, tc.want, r.Verdict, r.Why)
			assert.Equal(t, OneSided, r.Grade)
			assert.NotEmpty(t, r.Why)
		})
	}
}

// What nobody gets by a node's port is no wall, and nothing that fails a run
// where the pod itself was tried.
func TestNobodyGetsThroughANode(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		beside  Verdict
		want    Verdict
	}{
		"through":                                  {probes.Reached, controlsEnd(probes.Dropped), Isolated, Leak},
		"dropped, and its tenant is not":           {probes.Dropped, func(*Case) {}, Isolated, Isolated},
		"dropped for all":                          {probes.Dropped, controlsEnd(probes.Dropped), Isolated, Skipped},
		"dropped for all, and the pod lets it in":  {probes.Dropped, controlsEnd(probes.Dropped), Leak, Skipped},
		"dropped for all, and the pod is not seen": {probes.Dropped, controlsEnd(probes.Dropped), Inconclusive, Inconclusive},
		"dropped for all, and the pod not tried":   {probes.Dropped, controlsEnd(probes.Dropped), "", Inconclusive},
		"refused to all: the port may not be open": {probes.Refused, controlsEnd(probes.Refused), Isolated, Inconclusive},
		"dropped for its tenant at last":           {probes.Dropped, func(c *Case) { c.Rounds[1].Control.After = probes.Dropped }, Isolated, Inconclusive},
		"a source that reaches nothing": {probes.Dropped, func(c *Case) {
			controlsEnd(probes.Dropped)(c)
			eachRound(c, func(s *Seen) { s.Source = SourceControl{} })
		}, Isolated, Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			for _, address := range suites.NodePorts {
				c := ideal(tc.outcome)
				c.Attempt.Address = address
				tc.spoil(&c)
				r := Judge(c, Rules{}, tc.beside)
				assert.Equal(t, tc.want, r.Verdict, r.Why)
				assert.Equal(t, TwoSided, r.Grade)
			}
		})
	}
	c := ideal(probes.Dropped)
	controlsEnd(probes.Dropped)(&c)
	assert.Equal(t, Inconclusive, Judge(c, Rules{}, Isolated).Verdict, "by the pod's own address it stays without evidence")
}
