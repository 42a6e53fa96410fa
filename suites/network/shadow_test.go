package network

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/tenancy"
)

func TestAShadowIsSourceAndTarget(t *testing.T) {
	ten := twoTenants()
	ten.Cast([]tenancy.Shadow{{Namespace: "db", Workload: "StatefulSet/pg.main"}})
	plan := planOf(ten)
	require.Len(t, plan, len(planOf(twoTenants()))*3/2, "two places became three")
	seen := map[string]bool{}
	for _, a := range plan {
		assert.False(t, seen[a.ID()], a.ID())
		seen[a.ID()] = true
		if a.To.Workload != "" {
			assert.Contains(t, a.Remedy, "the policies that select the labels of StatefulSet/pg.main")
		}
	}
	for _, id := range []string{
		"network/http/acme.web->globex.db.StatefulSet.pg.main/target-0/service-name:8080/same-node/bare",
		"network/tcp/globex.db.StatefulSet.pg.main->acme.web/target-1/pod-ip:9007/cross-node/bare",
		"network/udp/acme.web->globex.db/target-0/pod-ip:9053/cross-node/bare",
	} {
		assert.True(t, seen[id], id)
	}
}
