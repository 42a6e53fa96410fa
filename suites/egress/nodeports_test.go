package egress

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func TestNodePorts(t *testing.T) {
	pg, dns := tenancy.Port{Protocol: "tcp", Number: 5432}, tenancy.Port{Protocol: "udp", Number: 53}
	plan := func(s Suite, promise tenancy.Promise) map[string]suites.Attempt {
		ten := &tenancy.Tenancy{
			Tenants:  []tenancy.Tenant{{Name: "acme", Namespaces: []string{"web"}}},
			Promises: tenancy.Promises{Egress: tenancy.Egress{NodePorts: promise}},
			Services: []tenancy.Service{
				{Namespace: "db", Name: "pg", Ports: []tenancy.Port{pg, dns}, NodePorts: map[tenancy.Port]int{pg: 30032, dns: 30053}},
				{Namespace: "db", Name: "inner", Ports: []tenancy.Port{pg}},
			},
		}
		all := map[string]suites.Attempt{}
		for _, a := range s.Plan(ten, suites.Whole(ten)) {
			if a.Check == "node-ports" {
				all[a.ID()] = a
			}
		}
		return all
	}
	const own, listed = "egress/node-ports/acme.web->node-ports/probe/node-port:9007/", "egress/node-ports/acme.web->node-ports/pg.db/node-port:5432/"
	got := plan(Suite{NodePorts: true, Services: true}, tenancy.WayDenied)
	require.Len(t, got, 4)
	for _, node := range []string{"same-node/bare", "cross-node/bare"} {
		mine, theirs := got[own+node], got[listed+node]
		assert.Equal(t, probes.DoTCP, mine.Do)
		assert.True(t, mine.OnOwnPort())
		assert.Equal(t, probes.DoFirst, theirs.Do, "nothing is sent")
		assert.Equal(t, 30032, theirs.NodePort)
		assert.False(t, theirs.OnOwnPort())
		for _, a := range []suites.Attempt{mine, theirs} {
			assert.Empty(t, a.Skip)
			assert.Equal(t, suites.Denied, a.Expect)
			assert.Equal(t, tenancy.High, a.Severity)
			assert.NotEmpty(t, a.Remedy)
		}
	}
	assert.Equal(t, suites.Allowed, plan(Suite{NodePorts: true}, tenancy.WayAllowed)[own+"same-node/bare"].Expect)
	assert.Len(t, plan(Suite{Services: true}, tenancy.WayDenied), 2)
	for name, got := range map[string]map[string]suites.Attempt{
		"--targets=node-ports":     plan(Suite{}, tenancy.WayDenied),
		"promises.egress.nodePort": plan(Suite{NodePorts: true, Services: true}, ""),
	} {
		require.NotEmpty(t, got)
		for id, a := range got {
			assert.Contains(t, a.Skip, name, id)
		}
	}
}
