package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// question is a lookup with all that its denial needs.
func question(o probes.Outcome, of suites.Record) Case {
	c := ideal(o)
	c.Attempt.Suite, c.Attempt.Check, c.Attempt.Address = "dns", string(of), suites.Resolver
	c.Attempt.Lookup = suites.Lookup{Of: of, Type: "A", Over: "udp"}
	c.Attempt.Severity = tenancy.Medium
	eachRound(&c, func(s *Seen) { s.Arrivals = Arrivals{} })
	return c
}

func TestLookups(t *testing.T) {
	controls := func(o probes.Outcome) func(*Case) {
		return func(c *Case) {
			eachRound(c, func(s *Seen) { s.Control.Before, s.Control.During, s.Control.After = o, o, o })
		}
	}
	mute := func(c *Case) { eachRound(c, func(s *Seen) { s.Source = SourceControl{} }) }
	silent := func(c *Case) {
		eachRound(c, func(s *Seen) { s.Observation = &probes.Observation{Phase: probes.PhaseRead, Timeout: true} })
	}
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		of      suites.Record
		spoil   func(*Case)
		want    Verdict
	}{
		"answered":                             {probes.Reached, suites.ServiceRecord, func(*Case) {}, Leak},
		"answered once":                        {probes.Unresolved, suites.ServiceRecord, func(c *Case) { c.Rounds[1].Outcome = probes.Reached }, Leak},
		"no such name, for it alone":           {probes.Unresolved, suites.ServiceRecord, func(*Case) {}, Unreached},
		"refused, for it alone":                {probes.Refused, suites.PodRecord, func(*Case) {}, Unreached},
		"refused, whatever else it reaches":    {probes.Refused, suites.PodRecord, mute, Unreached},
		"no answer":                            {probes.Dropped, suites.ServiceRecord, silent, Unreached},
		"no answer, and none from anybody":     {probes.Dropped, suites.ServiceRecord, mute, Inconclusive},
		"no such records at all":               {probes.Unresolved, suites.PodRecord, controls(probes.Unresolved), Skipped},
		"no such records, nor a way to ask":    {probes.Dropped, suites.PodRecord, controls(probes.Unresolved), Skipped},
		"a Service without a name":             {probes.Unresolved, suites.ServiceRecord, controls(probes.Unresolved), Inconclusive},
		"a resolver that answers nobody":       {probes.Dropped, suites.PodRecord, controls(probes.Dropped), Inconclusive},
		"a resolver that fails":                {probes.Error, suites.PodRecord, func(*Case) {}, Inconclusive},
		"no control":                           {probes.Unresolved, suites.ServiceRecord, func(c *Case) { c.Rounds[0].Control = Control{Rung: RungNone} }, Inconclusive},
		"one round":                            {probes.Unresolved, suites.ServiceRecord, func(c *Case) { c.Rounds = c.Rounds[:1] }, Inconclusive},
		"records that come and go with rounds": {probes.Unresolved, suites.PodRecord, func(c *Case) { c.Rounds[0].Control.After = probes.Unresolved }, Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			c := question(tc.outcome, tc.of)
			tc.spoil(&c)
			r := Judge(c, Rules{Denial: []probes.Outcome{probes.Forbidden}}, "")
			assert.Equal(t, tc.want, r.Verdict, r.Why)
			assert.Equal(t, OneSided, r.Grade)
			assert.NotEmpty(t, r.Why)
		})
	}
}

// A sweep is about many, and names those of which something was told.
func TestSweep(t *testing.T) {
	c := question(probes.Unresolved, suites.SweepRecord)
	c.Attempt.Out, c.Attempt.To, c.To = true, suites.Place{Tenant: "service-range"}, Side{Tenant: "service-range"}
	eachRound(&c, func(s *Seen) { s.Draws = 32 })
	r := Judge(c, Rules{}, "")
	assert.Equal(t, Unreached, r.Verdict, r.Why)
	assert.Contains(t, r.Why, "acme was not told of any Service of another tenant at 32 addresses")
	assert.Contains(t, r.Why, "the owner's own pod")

	c.Rounds[0].Outcome, c.Rounds[0].Told = probes.Reached, []string{"t1", "t3", "t5", "t6"}
	c.Rounds[1].Told = []string{"t2", "t3", "t4"}
	r = Judge(c, Rules{}, "")
	assert.Equal(t, Leak, r.Verdict, r.Why)
	assert.Contains(t, r.Why, "acme learned of Services of t1, t2, t3, t4, t5 and 1 more tenants by asking")
}

// A leak that fails nothing is still one, and says what was learned.
func TestALookupThatIsAnsweredIsBelowTheThreshold(t *testing.T) {
	r, _ := Threshold(Judge(question(probes.Reached, suites.ReverseRecord), Rules{}, ""), &tenancy.Tenancy{FailOn: tenancy.High}, noon)
	assert.Equal(t, Leak, r.Verdict)
	assert.False(t, r.Fails)
	assert.Contains(t, r.Why, "acme learned which Service of globex an address is")
}
