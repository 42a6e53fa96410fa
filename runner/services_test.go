package runner

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

func doorAttempt(address suites.Address, placement suites.Placement) suites.Attempt {
	a := suites.Attempt{
		Suite: "services", Check: "connect", Do: probes.DoFirst, Service: "pg", Address: address, Placement: placement,
		From: suites.Place{Tenant: "t1", Namespace: "t1"}, To: suites.Place{Tenant: "t2", Namespace: "t2"}, Port: tenancy.Port{Protocol: "tcp", Number: 5432},
		Expect: suites.Denied, Admitted: []suites.Place{{Tenant: "t2", Namespace: "t2"}},
	}
	if address == suites.NodePort {
		a.NodePort = 30032
	}
	return a
}

// Each source asks the node that stands to its own, and so does the control.
func TestAServiceByPortsOfTheNodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		placement suites.Placement
		want      map[string]string // by the source's node
	}{
		{suites.SameNode, map[string]string{"a": nodeAddress("a"), "b": nodeAddress("b")}},
		{suites.CrossNode, map[string]string{"a": nodeAddress("b"), "b": nodeAddress("a")}},
	} {
		run := unbound(tenantsOf("t1", "t2"), false, standing("t1", "t1", "a", "b", "a"), standing("t2", "t2", "b", "a", "b"))
		run.nodes = twoNodes()
		r := run.bind([]suites.Attempt{doorAttempt(suites.NodePort, c.placement)}, 1, true)
		cell := r.cells[0]
		require.Empty(t, cell.problem)
		require.Len(t, cell.controls, 1)
		control := cell.controls[0].control
		assert.Equal(t, "a", control.source.node)
		s := r.controlShot(control, 1, 0)
		assert.Equal(t, c.want["a"], s.order.Host)
		assert.Equal(t, 30032, s.order.Port)
		shots := append([]*shot{r.cellShot(cell, cell.source, 1)}, r.draws(cell, 1)...)
		assert.Len(t, shots, serviceDraws)
		seen := map[string]bool{}
		for _, s := range shots {
			seen[s.source.node] = true
			assert.Equal(t, c.want[s.source.node], s.order.Host)
			assert.Equal(t, 30032, s.order.Port)
		}
		assert.Len(t, seen, 2)
	}
}

func twoNodes() *nodes {
	return &nodes{known: true, workers: 2, internal: map[string]netip.Addr{
		"a": netip.MustParseAddr(nodeAddress("a")), "b": netip.MustParseAddr(nodeAddress("b")),
	}}
}

func TestAServiceByAddressesOutside(t *testing.T) {
	t.Parallel()
	places := func() []*place {
		return []*place{standing("t1", "t1", "a", "b", "a"), standing("t2", "t2", "a", "b", "a")}
	}
	a := doorAttempt(suites.ExternalIP, suites.AnyNode)
	a.Outside = "192.0.2.9"
	r := bound(tenantsOf("t1", "t2"), false, []suites.Attempt{a}, places()...)
	assert.Equal(t, "192.0.2.9", r.cellShot(r.cells[0], r.cells[0].source, 1).order.Host)
	s := r.controlShot(r.cells[0].controls[0].control, 1, 0)
	assert.Equal(t, "192.0.2.9", s.order.Host)
	assert.Equal(t, 5432, s.order.Port)

	a.Outside = "2001:db8::9"
	assert.NotEmpty(t, bound(tenantsOf("t1", "t2"), false, []suites.Attempt{a}, places()...).cells[0].attempt.Skip, "its pods have no IPv6")
}

// What cannot be tried is said, and makes no control.
func TestAServiceWithoutTheNode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		nodes *nodes
		skip  string
	}{
		{&nodes{}, "may not list nodes"},
		{&nodes{known: true, internal: map[string]netip.Addr{"a": netip.MustParseAddr(nodeAddress("a"))}}, "there is no other"},
	} {
		run := unbound(tenantsOf("t1", "t2"), false, standing("t1", "t1", "a", "a", "a"), standing("t2", "t2", "a", "a", "a"))
		run.nodes = c.nodes
		cell := run.bind([]suites.Attempt{doorAttempt(suites.NodePort, suites.CrossNode)}, 1, true).cells[0]
		assert.Contains(t, cell.attempt.Skip, c.skip)
		assert.Empty(t, cell.controls)
	}
}

// The way out by a port of the nodes leads to a probe of the source's own that
// is on the node that it asks.
func TestAWayOutByAPortOfTheNodes(t *testing.T) {
	t.Parallel()
	for placement, node := range map[suites.Placement]string{suites.SameNode: "a", suites.CrossNode: "b"} {
		a := suites.Attempt{
			Suite: "egress", Check: "node-ports", Do: probes.DoTCP, Out: true, From: suites.Place{Tenant: "t1", Namespace: "t1"}, To: suites.Place{Tenant: "node-ports"},
			Address: suites.NodePort, Port: ownPorts[1], Placement: placement, Expect: suites.Denied,
		}
		found := surveyOf(whole(a)).places
		require.Len(t, found, 1)
		assert.Equal(t, []tenancy.Port{ownPorts[1]}, found[0].byNode)

		own := standing("t1", "t1", "a", "b", "a")
		run := unbound(tenantsOf("t1", "t2"), false, own)
		run.nodes = twoNodes()
		for _, q := range own.pods[:targets] {
			q.nodePorts = map[tenancy.Port]int{ownPorts[1]: 30000 + q.slot}
		}
		r := run.bind([]suites.Attempt{a}, 1, true)
		c := r.cells[0]
		require.Empty(t, c.problem)
		assert.NotEqual(t, c.source, c.target)
		assert.Equal(t, node, c.target.node)
		assert.True(t, hasSourceControl(r, c.source))
		s := r.cellShot(c, c.source, 1)
		assert.Equal(t, nodeAddress(node), s.order.Host)
		assert.Equal(t, 30000+c.target.slot, s.order.Port)

		own.pods[0].noNodePorts, own.pods[1].noNodePorts = "refused", "refused"
		assert.Equal(t, "refused", run.bind([]suites.Attempt{a}, 1, true).cells[0].problem)
		alone := unbound(tenantsOf("t1", "t2"), false, standing("t1", "t1", "a", "b", "c"))
		alone.nodes = twoNodes()
		if placement == suites.SameNode {
			assert.NotEmpty(t, alone.bind([]suites.Attempt{a}, 1, true).cells[0].problem, "no probe stands beside it")
		}
	}
}

// A tenant's Service is shown alive by its own pods, and what is nobody's own by
// a tenant that may use it.
func TestWhoStandsForAService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		owner, namespace string
		want             verdicts.Rung
	}{
		{"t2", "t2", verdicts.RungSameNamespace}, {"t2", "elsewhere", verdicts.RungSameTenant}, {"audit", "platform", verdicts.RungCrossing},
	} {
		a := doorAttempt(suites.ServiceName, suites.AnyNode)
		a.To = suites.Place{Tenant: c.owner, Namespace: c.namespace}
		r := unbound(tenantsOf("t1", "t2"), false, standing("t1", "t1", "a", "b", "a"), standing("t2", "t2", "b", "a", "b")).bind([]suites.Attempt{a}, 1, true)
		require.Len(t, r.cells[0].controls, 1)
		assert.Equal(t, c.want, r.cells[0].controls[0].kind)
	}
}
