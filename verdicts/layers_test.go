package verdicts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// tried is a result of the mesh suite from a to b.
func tried(check string, sidecar bool, v Verdict, o probes.Outcome, phase probes.Phase) *Result {
	return &Result{
		Suite: "mesh", Check: check, From: Side{Tenant: "a", Sidecar: sidecar}, To: Side{Tenant: "b"}, Expect: suites.Denied, Verdict: v, Outcome: o,
		Evidence: Evidence{Rounds: []Round{{Outcome: o, Phase: phase}, {Outcome: o, Phase: phase}}},
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	const bare, sidecar = false, true
	dropped := tried("http", bare, Isolated, probes.Dropped, probes.PhaseConnect)
	reset := tried("http", bare, Isolated, probes.Reset, probes.PhaseRead)
	forbidden := tried("http", sidecar, Isolated, probes.Forbidden, probes.PhaseDone)
	lost := tried("http", sidecar, Isolated, probes.Dropped, probes.PhaseRead)
	closed := tried("tcp", sidecar, Unreached, probes.Closed, probes.PhaseRead)
	metrics := tried("proxy-port", bare, Leak, probes.Reached, probes.PhaseDone)
	allowed := tried("http", sidecar, Allowed, probes.Reached, probes.PhaseDone)
	allowed.Expect = suites.Allowed
	for name, tc := range map[string]struct {
		results       []*Result
		network, mesh Layer
	}{
		"the network stops everything":                    {[]*Result{dropped, lost}, LayerHolds, LayerUnseen},
		"the mesh alone":                                  {[]*Result{reset, forbidden}, LayerOpen, LayerHolds},
		"and a port of the proxy":                         {[]*Result{reset, forbidden, metrics}, LayerOpen, LayerHolds},
		"who has no identity alone is known to be denied": {[]*Result{reset, closed}, LayerOpen, LayerUnseen},
		"a banner, disclosed to an identity":              {[]*Result{reset, forbidden, tried("banner", sidecar, Leak, probes.Disclosed, probes.PhaseRead)}, LayerOpen, LayerOpen},
		"a leak that somebody accepted":                   {[]*Result{reset, forbidden, tried("tcp", sidecar, Excepted, probes.Reached, probes.PhaseDone)}, LayerOpen, LayerOpen},
		"one port that the network leaves open":           {[]*Result{dropped, dropped, reset, forbidden}, LayerOpen, LayerHolds},
		"no evidence of the network":                      {[]*Result{dropped, tried("tcp", bare, Inconclusive, probes.Error, probes.PhaseConnect)}, LayerUnknown, LayerUnknown},
		"no evidence of the mesh":                         {[]*Result{reset, tried("tcp", sidecar, Inconclusive, probes.Closed, probes.PhaseRead)}, LayerOpen, LayerUnknown},
		"no probe without a proxy":                        {[]*Result{forbidden}, LayerUnknown, LayerUnseen},
		"declared, and nothing else":                      {[]*Result{reset, allowed}, LayerOpen, LayerUnseen},
	} {
		var l Layers
		for _, r := range tc.results {
			l.Add(r)
		}
		assert.Equal(t, []PairLayers{{"a", "b", tc.network, tc.mesh}}, l.Pairs(), name)
	}
}

func TestLayersAreOfTheMeshSuiteAlone(t *testing.T) {
	t.Parallel()
	var l Layers
	other := tried("http", false, Leak, probes.Reached, probes.PhaseDone)
	other.Suite = "network"
	l.Add(other)
	istiod := tried("control-plane", false, Leak, probes.Reached, probes.PhaseDone)
	istiod.Out = true
	l.Add(istiod)
	l.Add(tried("proxy-port", false, Skipped, probes.Refused, probes.PhaseConnect))
	assert.Empty(t, l.Pairs())
	for _, to := range []string{"b", "d", "c"} {
		r := tried("http", false, Isolated, probes.Dropped, probes.PhaseConnect)
		r.To.Tenant = to
		l.Add(r)
	}
	open := tried("http", false, Leak, probes.Reached, probes.PhaseDone)
	open.From.Tenant, open.To.Tenant = "z", "b"
	l.Add(open)
	var order []string
	for _, p := range l.Pairs() {
		order = append(order, p.From+p.To)
	}
	assert.Equal(t, []string{"zb", "ab", "ac", "ad"}, order)
}

// A connection that the network let through is a finding where the network is
// promised to hold by itself, whatever the mesh made of it.
func TestAPairThatTheMeshAloneHolds(t *testing.T) {
	t.Parallel()
	ended := func(o probes.Outcome, phase probes.Phase, edit func(*Case)) Case {
		c := ideal(o)
		c.Attempt.Suite, c.Attempt.Check, c.Attempt.To.Proxied = "mesh", "http", true
		eachRound(&c, func(s *Seen) { s.Observation.Phase = phase })
		edit(&c)
		return c
	}
	none := func(*Case) {}
	for name, tc := range map[string]struct {
		c       Case
		want    Verdict // where the network is promised
		without Verdict
	}{
		"reset behind the connection": {ended(probes.Reset, probes.PhaseRead, none), Leak, Isolated},
		"forbidden":                   {ended(probes.Forbidden, probes.PhaseDone, none), Leak, Isolated},
		"connected in one round": {ended(probes.Dropped, probes.PhaseConnect, func(c *Case) {
			c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Closed, &probes.Observation{Phase: probes.PhaseRead}
		}), Leak, Isolated},
		"dropped":                        {ended(probes.Dropped, probes.PhaseConnect, none), Isolated, Isolated},
		"refused":                        {ended(probes.Refused, probes.PhaseConnect, none), Isolated, Isolated},
		"by a probe with a proxy":        {ended(probes.Forbidden, probes.PhaseDone, func(c *Case) { c.Attempt.From.Proxied = true }), Isolated, Isolated},
		"a port of the proxy":            {ended(probes.Reset, probes.PhaseRead, func(c *Case) { c.Attempt.Proxy, c.Attempt.Check = "the proxy's metrics", "proxy-port" }), Unreached, Unreached},
		"in another form":                {ended(probes.Reset, probes.PhaseRead, func(c *Case) { c.Attempt.Form = "method-post" }), Isolated, Isolated},
		"what is no denial":              {ended(probes.Error, probes.PhaseRead, none), Inconclusive, Inconclusive},
		"of another suite":               {ended(probes.Reset, probes.PhaseRead, func(c *Case) { c.Attempt.Suite = "network" }), Isolated, Isolated},
		"a connection without a control": {ended(probes.Reset, probes.PhaseRead, controlsEnd(probes.Dropped)), Leak, Inconclusive},
	} {
		got := Judge(tc.c, Rules{Network: true}, Isolated)
		assert.Equal(t, tc.want, got.Verdict, "%s: %s", name, got.Why)
		if tc.want == Leak {
			assert.Contains(t, got.Why, "what stopped it stands behind that", name)
			var l Layers
			l.Add(&got)
			assert.NotEqual(t, LayerOpen, l.Pairs()[0].Mesh, "%s: what the mesh stopped did not get through it", name)
		}
		assert.Equal(t, tc.without, Judge(tc.c, Rules{}, Isolated).Verdict, name)
	}
}

// A wall of the network that comes up late is none that is missing, as elsewhere.
func TestANetworkThatHoldsLate(t *testing.T) {
	t.Parallel()
	c := ideal(probes.Dropped)
	c.Attempt.Suite, c.Attempt.Check, c.Attempt.To.Proxied = "mesh", "http", true
	eachRound(&c, func(s *Seen) {
		s.Observation, s.PodAge = &probes.Observation{Phase: probes.PhaseConnect, Timeout: true}, time.Minute
	})
	c.Rounds[0].Outcome, c.Rounds[0].Observation, c.Rounds[0].PodAge = probes.Reset, &probes.Observation{Phase: probes.PhaseRead}, time.Second
	r := Judge(c, Rules{Network: true}, "")
	assert.Equal(t, Leak, r.Verdict)
	assert.True(t, r.Startup, r.Why)
	assert.Equal(t, c.Attempt.Severity.Down().String(), r.Severity)
	c.Rounds[0].PodAge = time.Minute
	assert.False(t, Judge(c, Rules{Network: true}, "").Startup, "its pods are old enough")
}
