package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

func throughDoor(o probes.Outcome, address suites.Address) Case {
	c := ideal(o)
	c.Attempt.Suite, c.Attempt.Service, c.Attempt.Address, c.Attempt.Do = "services", "pg", address, probes.DoFirst
	eachRound(&c, func(s *Seen) { s.Arrivals = Arrivals{} })
	return c
}

// A way from outside by which not even its own tenant gets to a Service that is
// alive is no wall, and nothing that fails a run.
func TestNobodyGetsThroughADoor(t *testing.T) {
	mute := func(c *Case) {
		controlsEnd(probes.Dropped)(c)
		eachRound(c, func(s *Seen) { s.Source = SourceControl{} })
	}
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		beside  Verdict
		want    Verdict
	}{
		"through":                                  {probes.Reached, controlsEnd(probes.Dropped), Unreached, Leak},
		"dropped, and its tenant is not":           {probes.Dropped, func(*Case) {}, Unreached, Unreached},
		"dropped for all":                          {probes.Dropped, controlsEnd(probes.Dropped), Unreached, Skipped},
		"refused to all: no node listens":          {probes.Refused, controlsEnd(probes.Refused), Unreached, Skipped},
		"closed by a balancer to all":              {probes.Closed, controlsEnd(probes.Closed), Leak, Skipped},
		"dropped for all, and nothing shows alive": {probes.Dropped, controlsEnd(probes.Dropped), Inconclusive, Inconclusive},
		"dropped for all, and the name not tried":  {probes.Dropped, controlsEnd(probes.Dropped), "", Inconclusive},
		"dropped for all, and the name is skipped": {probes.Dropped, controlsEnd(probes.Dropped), Skipped, Inconclusive},
		"controls that failed by themselves":       {probes.Dropped, controlsEnd(probes.Error), Unreached, Inconclusive},
		"dropped for its tenant at last":           {probes.Dropped, func(c *Case) { c.Rounds[1].Control.After = probes.Dropped }, Unreached, Inconclusive},
		"no control":                               {probes.Dropped, func(c *Case) { eachRound(c, func(s *Seen) { s.Control = Control{Rung: RungNone} }) }, Unreached, Inconclusive},
		"a source that reaches nothing":            {probes.Dropped, mute, Unreached, Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			for _, address := range []suites.Address{suites.ExternalIP, suites.LoadBalancer, suites.NodePort} {
				c := throughDoor(tc.outcome, address)
				tc.spoil(&c)
				r := Judge(c, Rules{}, tc.beside)
				assert.Equal(t, tc.want, r.Verdict, r.Why)
				assert.Equal(t, OneSided, r.Grade)
			}
		})
	}
	c := throughDoor(probes.Dropped, suites.ServiceName)
	controlsEnd(probes.Dropped)(&c)
	assert.Equal(t, Inconclusive, Judge(c, Rules{}, Unreached).Verdict, "by its name it stays without evidence")
	c = throughDoor(probes.Dropped, suites.NodePort)
	controlsEnd(probes.Dropped)(&c)
	c.Attempt.Do = probes.DoHead
	assert.Equal(t, Skipped, Judge(c, Rules{}, Skipped).Verdict, "what refuses its own tenant's HEAD by name is alive")
}

func TestABalancerWhoseNameIsUnknown(t *testing.T) {
	for dns, want := range map[string]Verdict{probes.DNSNXDomain: Skipped, probes.DNSServFail: Skipped, probes.DNSTimeout: Skipped} {
		c := throughDoor(probes.Error, suites.LoadBalancer)
		c.Attempt.Outside = "lb.example.com"
		eachRound(&c, func(s *Seen) { s.Observation = &probes.Observation{Phase: probes.PhaseResolve, DNS: dns} })
		assert.Equal(t, want, Judge(c, Rules{}, Unreached).Verdict, dns)
	}
}

func TestTheDoorIsSaid(t *testing.T) {
	for address, want := range map[suites.Address]string{
		suites.ExternalIP: "by its external address 192.0.2.1", suites.LoadBalancer: "by its load balancer 192.0.2.1",
		suites.NodePort: "by a port of the source's own node",
	} {
		c := throughDoor(probes.Reached, address)
		c.Attempt.Outside, c.Attempt.Placement = "192.0.2.1", suites.SameNode
		assert.Contains(t, Judge(c, Rules{}, "").Why, want)
		c.Attempt.Do = probes.DoHead
		assert.Contains(t, Judge(c, Rules{}, "").Why, want)
	}
}

// A port of a node that is allowed may lead to whoever lets nobody in.
func TestPortsOfTheNodesAsAWayOut(t *testing.T) {
	out := func(o probes.Outcome, expect suites.Expectation) Case {
		c := ideal(o)
		c.Attempt.Suite, c.Attempt.To, c.Attempt.Out, c.Attempt.Address, c.Attempt.Expect = "egress", suites.Place{Tenant: "node-ports"}, true, suites.NodePort, expect
		eachRound(&c, func(s *Seen) { s.Arrivals, s.Control = Arrivals{}, Control{Rung: RungNone} })
		return c
	}
	for _, tc := range []struct {
		outcome probes.Outcome
		expect  suites.Expectation
		want    Verdict
	}{
		{probes.Reached, suites.Denied, Leak}, {probes.Dropped, suites.Denied, Unreached},
		{probes.Reached, suites.Allowed, Allowed}, {probes.Dropped, suites.Allowed, Skipped},
	} {
		r := Judge(out(tc.outcome, tc.expect), Rules{}, "")
		assert.Equal(t, tc.want, r.Verdict, r.Why)
		assert.Equal(t, OneSided, r.Grade)
	}
	c := out(probes.Dropped, suites.Allowed)
	eachRound(&c, func(s *Seen) { s.Source = SourceControl{} })
	assert.Equal(t, Inconclusive, Judge(c, Rules{}, "").Verdict)
	c = out(probes.Dropped, suites.Denied)
	c.Rounds[0].Arrivals.Certain = 1
	assert.Equal(t, Leak, Judge(c, Rules{}, "").Verdict, "a probe has the receipt")
}

// A Service of a tenant's is not called a shared one.
func TestWhoseServiceWasReached(t *testing.T) {
	c := throughDoor(probes.Reached, suites.ServiceName)
	assert.Contains(t, Judge(c, Rules{}, "").Why, " reached Service pg of "+c.To.Tenant+" on TCP port ")
	c.Attempt.Suite = "network"
	assert.Contains(t, Judge(c, Rules{}, "").Why, " reached the shared service "+c.To.Tenant+" on TCP port ")
}
