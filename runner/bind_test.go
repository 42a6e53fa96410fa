package runner

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// bound binds attempts to places.
func bound(t *tenancy.Tenancy, single bool, attempts []suites.Attempt, places ...*place) *part {
	return unbound(t, single, places...).bind(attempts, 1, true)
}

func unbound(t *tenancy.Tenancy, single bool, places ...*place) *run {
	return &run{tenancy: t, places: places, nodes: &nodes{known: single, workers: 1}, opts: options(), known: map[string]*shot{}}
}

// whole is a plan of one part.
func whole(attempts ...suites.Attempt) iter.Seq[[]suites.Attempt] {
	return slices.Values([][]suites.Attempt{attempts})
}

func kinds(c *cell) []verdicts.Rung {
	var all []verdicts.Rung
	for _, r := range c.controls {
		all = append(all, r.kind)
	}
	return all
}

// hasSourceControl says that a source tries something of its own.
func hasSourceControl(r *part, q *pod) bool {
	for _, c := range r.controls {
		if c.source == q && c.target != q && c.target.place == q.place {
			return true
		}
	}
	return false
}

func TestEveryCellIsBracketedByControls(t *testing.T) {
	t.Parallel()
	tenants := tenantsOf("t1", "t2", "t3")
	attempts := network.Suite{}.Plan(tenants, suites.Whole(tenants))
	r := bound(tenants, false, attempts, standing("t1", "t1", "a", "b", "a"), standing("t2", "t2", "a", "b", "a"), standing("t3", "t3", "a", "b", "a"))
	require.Len(t, r.cells, len(attempts))
	seen := map[string]bool{}
	for i, c := range r.cells {
		a := attempts[i]
		require.Empty(t, c.problem, a.ID())
		require.Empty(t, c.attempt.Skip, a.ID())
		require.Equal(t, a.From.Namespace, c.source.place.namespace)
		require.Equal(t, a.To.Namespace, c.target.place.namespace)
		require.Equal(t, a.Target, c.target.slot)
		require.Equal(t, a.Placement == suites.SameNode, c.source.node == c.target.node, a.ID())
		rungs := []verdicts.Rung{verdicts.RungSameNamespace}
		if a.Address.ByName() {
			rungs = append(rungs, verdicts.RungSameNamespace) // by the address that the name stands for
			require.Equal(t, c.controls[0].control, c.controls[1].standsFor, a.ID())
			require.False(t, c.controls[1].control.address.ByName(), a.ID())
		}
		require.Equal(t, rungs, kinds(c), a.ID())
		control := c.controls[0].control
		require.Equal(t, c.source.node, control.source.node, "%s: from the source's own node", a.ID())
		require.NotEqual(t, c.target, control.source, "%s: not the target itself", a.ID())
		require.Equal(t, c.target, control.target, a.ID())
		require.Equal(t, []any{a.Do, a.Port, a.Address}, []any{control.do, control.port, control.address}, a.ID())
		require.True(t, hasSourceControl(r, c.source), a.ID())
		seen[fmt.Sprintf("%d %s", a.Target, a.Placement)] = true
	}
	assert.Len(t, seen, 3)
}

func TestBind(t *testing.T) {
	t.Parallel()
	standard := []string{"a", "b", "a"}
	broken := func(tenant string, slots int) *place {
		p := standing(tenant, tenant, standard[:slots]...)
		p.fail("no quota in %s", tenant)
		return p
	}
	wide := func() *tenancy.Tenancy {
		w := tenantsOf("t1", "t2", "t3")
		w.Tenants[1].Namespaces = append(w.Tenants[1].Namespaces, "t2-more")
		return w
	}
	for _, c := range []struct {
		name    string
		tenancy *tenancy.Tenancy
		single  bool
		attempt suites.Attempt
		places  []*place
		problem string
		skip    string
		rungs   []verdicts.Rung
	}{
		{
			name: "one node, the same node", single: true, attempt: attemptOf("t1", "t2", 0, suites.SameNode),
			places: []*place{standing("t1", "t1", "a", "a", "a"), standing("t2", "t2", "a", "a", "a")},
			rungs:  []verdicts.Rung{verdicts.RungSameNamespace},
		},
		{
			name: "one node, across nodes", single: true, attempt: attemptOf("t1", "t2", 0, suites.CrossNode),
			places: []*place{standing("t1", "t1", "a", "a", "a"), standing("t2", "t2", "a", "a", "a")},
			skip:   "the cluster has one node for pods: there is nothing across nodes",
		},
		{
			name: "one node as it seemed, and yet another", single: true, attempt: attemptOf("t1", "t2", 0, suites.CrossNode),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...)},
			rungs:  []verdicts.Rung{verdicts.RungSameNamespace},
		},
		{
			name: "two nodes, all probes on one", attempt: attemptOf("t1", "t2", 0, suites.CrossNode),
			places:  []*place{standing("t1", "t1", "a", "a", "a"), standing("t2", "t2", "a", "a", "a")},
			problem: "no probe of namespace t1 was placed on another node as probe target-0 of namespace t2, which is on a",
		},
		{
			name: "the target's tenant on an odd node, the same node", attempt: attemptOf("t1", "t2", 0, suites.SameNode),
			places:  []*place{standing("t1", "t1", standard...), standing("t2", "t2", "c", "c", "c")},
			problem: "no probe of namespace t1 was placed on the same node as probe target-0 of namespace t2, which is on c",
		},
		{
			name: "the target's tenant on an odd node, across nodes", attempt: attemptOf("t1", "t2", 0, suites.CrossNode),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", "c", "c", "c")},
		},
		{
			name: "the source's tenant on an odd node", attempt: attemptOf("t1", "t2", 0, suites.SameNode),
			places:  []*place{standing("t1", "t1", "c", "c", "c"), standing("t2", "t2", standard...)},
			problem: "no probe of namespace t1 was placed on the same node as probe target-0 of namespace t2, which is on a",
		},
		{
			name: "the source on the node beside which there is a control", attempt: attemptOf("t1", "t2", 0, suites.CrossNode),
			places: []*place{standing("t1", "t1", "c", "c", "b"), standing("t2", "t2", standard...)},
			rungs:  []verdicts.Rung{verdicts.RungSameNamespace},
		},
		{
			name: "another namespace of the same tenant", tenancy: wide(), attempt: attemptOf("t1", "t2", 1, suites.SameNode),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), standing("t2", "t2-more", standard...)},
			rungs:  []verdicts.Rung{verdicts.RungSameTenant},
		},
		{
			name: "both", tenancy: wide(), attempt: attemptOf("t1", "t2", 0, suites.SameNode),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), standing("t2", "t2-more", standard...)},
			rungs:  []verdicts.Rung{verdicts.RungSameNamespace, verdicts.RungSameTenant},
		},
		{
			name: "the other namespace has no probes", tenancy: wide(), attempt: attemptOf("t1", "t2", 0, suites.SameNode),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), func() *place {
				p := standing("t2", "t2-more", standard...)
				p.fail("no")
				return p
			}()},
			rungs: []verdicts.Rung{verdicts.RungSameNamespace},
		},
		{
			name: "a declared crossing", attempt: attemptOf("t1", "t2", 1, suites.SameNode),
			tenancy: func() *tenancy.Tenancy {
				x := tenantsOf("t1", "t2", "t3")
				x.Crossings = []tenancy.Crossing{{From: "t3", To: "t2", Ports: []tenancy.Port{ownPorts[1]}}}
				return x
			}(),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), standing("t3", "t3", standard...)},
			rungs:  []verdicts.Rung{verdicts.RungCrossing},
		},
		{
			name: "a crossing of the source itself is no control", attempt: attemptOf("t1", "t2", 1, suites.SameNode),
			tenancy: func() *tenancy.Tenancy {
				x := tenantsOf("t1", "t2", "t3")
				x.Crossings = []tenancy.Crossing{{From: "t1", To: "t2", Ports: []tenancy.Port{ownPorts[1]}}}
				return x
			}(),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), standing("t3", "t3", standard...)},
		},
		{
			name: "a crossing on another port is no control", attempt: attemptOf("t1", "t2", 1, suites.SameNode),
			tenancy: func() *tenancy.Tenancy {
				x := tenantsOf("t1", "t2", "t3")
				x.Crossings = []tenancy.Crossing{{From: "t3", To: "t2", Ports: []tenancy.Port{ownPorts[0]}}}
				return x
			}(),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), standing("t3", "t3", standard...)},
		},
		{
			name: "an expired crossing is no control", attempt: attemptOf("t1", "t2", 1, suites.SameNode),
			tenancy: func() *tenancy.Tenancy {
				x := tenantsOf("t1", "t2", "t3")
				x.Crossings = []tenancy.Crossing{{From: "t3", To: "t2", Ports: []tenancy.Port{ownPorts[1]}, Expires: time.Unix(1, 0)}}
				return x
			}(),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), standing("t3", "t3", standard...)},
		},
		{
			name: "its own listener, where the tenancy accepts it", attempt: attemptOf("t1", "t2", 1, suites.SameNode),
			tenancy: func() *tenancy.Tenancy {
				x := tenantsOf("t1", "t2")
				x.Promises.WeakControls = true
				return x
			}(),
			places: []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...)},
			rungs:  []verdicts.Rung{verdicts.RungListener},
		},
		{
			name: "the source's place has a problem, and half of its probes", attempt: attemptOf("t1", "t2", 0, suites.SameNode),
			places: []*place{broken("t1", 1), standing("t2", "t2", standard...)}, problem: "no quota in t1",
		},
		{
			name: "the target's place has a problem, and no probes", attempt: attemptOf("t1", "t2", 0, suites.SameNode),
			places: []*place{standing("t1", "t1", standard...), broken("t2", 0)}, problem: "no quota in t2",
		},
		{
			name: "both have one", attempt: attemptOf("t1", "t2", 0, suites.CrossNode),
			places: []*place{broken("t1", 3), broken("t2", 2)}, problem: "no quota in t1",
		},
		{
			name: "skipped by the plan, without places", attempt: suites.Attempt{Skip: "not applicable"}, skip: "not applicable",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.tenancy == nil {
				c.tenancy = tenantsOf("t1", "t2")
			}
			r := bound(c.tenancy, c.single, []suites.Attempt{c.attempt}, c.places...)
			got := r.cells[0]
			assert.Equal(t, c.problem, got.problem)
			assert.Equal(t, c.skip, got.attempt.Skip)
			assert.Equal(t, c.rungs, kinds(got))
			if c.problem != "" || c.skip != "" {
				assert.Nil(t, got.source)
				assert.Empty(t, r.controls)
				return
			}
			assert.Equal(t, c.attempt.Placement == suites.SameNode, got.source.node == got.target.node)
			assert.True(t, hasSourceControl(r, got.source))
			for _, rung := range got.controls {
				if rung.kind == verdicts.RungListener {
					assert.Equal(t, []any{got.target, probes.DoListener, "tcp"}, []any{rung.control.source, rung.control.do, rung.control.proto})
					continue
				}
				assert.Equal(t, got.source.node, rung.control.source.node)
				assert.NotEqual(t, got.target, rung.control.source)
				assert.NotEqual(t, "t1", rung.control.source.place.tenant)
			}
		})
	}
}

func TestOneSidedAttemptsHaveASourceControl(t *testing.T) {
	t.Parallel()
	a := suites.Attempt{
		Suite: "network", Check: "tcp", Do: probes.DoConnect, Service: "billing", Address: suites.ServiceName, Placement: suites.AnyNode,
		From: suites.Place{Tenant: "t1", Namespace: "t1"}, To: suites.Place{Tenant: "shared", Namespace: "shared"}, Port: tenancy.Port{Protocol: "tcp", Number: 443},
	}
	places := surveyOf(whole(a)).places
	require.Len(t, places, 1, "none in a namespace that is not ours to test")
	r := bound(tenantsOf("t1"), false, []suites.Attempt{a}, standing("t1", "t1", "a", "b", "a"))
	require.NotNil(t, r.cells[0].source)
	assert.Nil(t, r.cells[0].target)
	assert.True(t, hasSourceControl(r, r.cells[0].source))
	assert.Equal(t, "billing.shared.svc", r.cellShot(r.cells[0], r.cells[0].source, 1).order.Host)
}

// That a service answers nobody looks like a wall; somebody who may use it
// tells the two apart.
func TestOneSidedAttemptsHaveAControlByWhoeverMay(t *testing.T) {
	t.Parallel()
	a := suites.Attempt{
		Suite: "network", Check: "tcp", Do: probes.DoConnect, Service: "billing", Address: suites.ServiceName, Placement: suites.AnyNode,
		From: suites.Place{Tenant: "t1", Namespace: "t1"}, To: suites.Place{Tenant: "shared", Namespace: "shared"}, Port: tenancy.Port{Protocol: "tcp", Number: 443},
		Expect: suites.Denied, Admitted: []suites.Place{{Tenant: "t2", Namespace: "t2"}, {Tenant: "t3", Namespace: "t3"}},
	}
	assert.Len(t, surveyOf(whole(a)).places, 2, "also where it alone is tried, one who may has a probe")

	bind := func(places ...*place) *cell {
		r := bound(tenantsOf("t1", "t2", "t3"), false, []suites.Attempt{a}, append(places, standing("t1", "t1", "a", "b", "a"))...)
		for _, c := range r.controls {
			s := r.controlShot(c, 1, time.Second)
			assert.NotEmpty(t, c.id())
			if c.target == nil {
				assert.Equal(t, "billing.shared.svc", s.order.Host)
				assert.Equal(t, probes.DoConnect, s.order.Do)
			}
		}
		return r.cells[0]
	}
	got := bind(standing("t2", "t2", "c", "a", "c"), standing("t3", "t3", "a", "b", "a"))
	require.Len(t, got.controls, 1)
	assert.Equal(t, "t2", got.controls[0].control.source.place.namespace)
	assert.Equal(t, "a", got.controls[0].control.source.node, "from the attempt's own node")
	assert.Equal(t, verdicts.RungCrossing, got.controls[0].kind)

	broken := standing("t2", "t2")
	broken.fail("no room")
	got = bind(broken, standing("t3", "t3", "c", "b", "c"))
	require.Len(t, got.controls, 1)
	assert.Equal(t, "t3", got.controls[0].control.source.place.namespace, "from another node where there is no better")
	assert.Empty(t, bind(broken).controls)

	a.Expect = suites.Allowed
	assert.Empty(t, bind(standing("t2", "t2", "a", "b", "a")).controls, "what is allowed is its own proof")
}

func TestAnInterruptedRunBindsNothing(t *testing.T) {
	t.Parallel()
	r := unbound(tenantsOf("t1", "t2"), false, standing("t1", "t1", "a"), standing("t2", "t2")).
		bind([]suites.Attempt{attemptOf("t1", "t2", 0, suites.SameNode)}, 1, false)
	require.Len(t, r.cells, 1)
	assert.Nil(t, r.cells[0].source)
	assert.Empty(t, r.controls)
}

// Controls are shared: they grow with the places, not with the pairs.
func TestControlsGrowWithThePlaces(t *testing.T) {
	t.Parallel()
	perPlace := map[int]int{}
	for _, n := range []int{4, 40} {
		var names []string
		var places []*place
		for i := range n {
			name := fmt.Sprintf("t%02d", i)
			names = append(names, name)
			places = append(places, standing(name, name, "a", "b", "a"))
		}
		tenants := tenantsOf(names...)
		r := bound(tenants, false, network.Suite{}.Plan(tenants, suites.Whole(tenants)), places...)
		require.Zero(t, len(r.controls)%n)
		perPlace[n] = len(r.controls) / n
		ids := map[string]bool{}
		for _, c := range r.controls {
			ids[c.id()] = true
		}
		require.Len(t, ids, len(r.controls), "each has an id of its own")
	}
	assert.Equal(t, perPlace[4], perPlace[40])
}

func TestPlacesOf(t *testing.T) {
	t.Parallel()
	low := tenancy.Port{Protocol: "tcp", Number: 443}
	a, b := attemptOf("t1", "t2", 0, suites.SameNode), attemptOf("t1", "t2", 0, suites.SameNode)
	b.Port = low
	skipped := attemptOf("t3", "t4", 0, suites.SameNode)
	skipped.Skip = "no"
	places := surveyOf(whole(a, b, b, skipped)).places
	require.Len(t, places, 2)
	assert.Equal(t, "t1", places[0].namespace)
	assert.Equal(t, ownPorts[:], places[0].ports, "a source has targets too: they are its control")
	assert.Equal(t, append(ownPorts[:len(ownPorts):len(ownPorts)], low), places[1].ports)
}
