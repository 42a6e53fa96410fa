package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

func TestWaysOut(t *testing.T) {
	out := func(o probes.Outcome, address suites.Address) Case {
		c := ideal(o)
		c.Attempt.Suite, c.Attempt.To, c.To = "egress", suites.Place{Tenant: "internet"}, Side{Tenant: "internet"}
		c.Attempt.Out, c.Attempt.Outside, c.Attempt.Address = true, "www.example.com", address
		eachRound(&c, func(s *Seen) { s.Arrivals, s.Control = Arrivals{}, Control{Rung: RungNone} })
		return c
	}
	resolving := func(dns string) func(*Case) {
		return func(c *Case) {
			eachRound(c, func(s *Seen) { s.Observation = &probes.Observation{Phase: probes.PhaseResolve, DNS: dns} })
		}
	}
	mute := func(c *Case) { eachRound(c, func(s *Seen) { s.Source = SourceControl{} }) }
	allowed := func(c *Case) { c.Attempt.Expect = suites.Allowed }
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		address suites.Address
		spoil   func(*Case)
		want    Verdict
	}{
		"reached":                              {probes.Reached, suites.ByAddress, func(*Case) {}, Leak},
		"dropped":                              {probes.Dropped, suites.ByAddress, func(*Case) {}, Unreached},
		"dropped, by a source without a way":   {probes.Dropped, suites.ByAddress, mute, Inconclusive},
		"failed by itself":                     {probes.Error, suites.ByAddress, func(*Case) {}, Inconclusive},
		"dropped by name":                      {probes.Dropped, suites.ByName, func(*Case) {}, Unreached},
		"a name that is not there":             {probes.Unresolved, suites.ByName, resolving(probes.DNSNXDomain), Skipped},
		"a name that the resolver fails on":    {probes.Error, suites.ByName, resolving(probes.DNSServFail), Skipped},
		"a name, and no resolver that answers": {probes.Error, suites.ByName, resolving(probes.DNSTimeout), Skipped},
		"allowed, and reached":                 {probes.Reached, suites.ByAddress, allowed, Allowed},
		"allowed, and dropped":                 {probes.Dropped, suites.ByAddress, allowed, Broken},
	} {
		t.Run(name, func(t *testing.T) {
			c := out(tc.outcome, tc.address)
			tc.spoil(&c)
			r := Judge(c, Rules{Denial: []probes.Outcome{probes.Forbidden}}, "")
			assert.Equal(t, tc.want, r.Verdict, r.Why)
			assert.Equal(t, OneSided, r.Grade)
			assert.True(t, r.Out)
			assert.NotEmpty(t, r.Why)
		})
	}
}
