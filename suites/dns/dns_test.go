package dns

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func TestPlan(t *testing.T) {
	ten := &tenancy.Tenancy{Tenants: []tenancy.Tenant{
		{Name: "acme", Namespaces: []string{"web"}}, {Name: "globex", Namespaces: []string{"api", "db"}},
	}}
	for _, a := range (Suite{}).Plan(ten, suites.Whole(ten)) {
		assert.Equal(t, a.Check == "outside-resolver", a.Skip != "", "no server outside is told names that the file does not name: %s", a.ID())
	}
	ten.Promises.Egress.Resolvers = []string{"192.0.2.53", "192.0.2.54"}
	for promise, want := range map[tenancy.Visibility]struct {
		severity tenancy.Severity
		skipped  bool
	}{
		"": {tenancy.Medium, false}, tenancy.Hidden: {tenancy.High, false}, tenancy.Visible: {tenancy.Medium, true},
	} {
		ten.Promises.DNS = promise
		plan := Suite{}.Plan(ten, suites.Whole(ten))
		assert.Len(t, plan, 2*2*len(checks)+3)
		ids, checked := map[string]bool{}, map[string]int{}
		for _, a := range plan {
			assert.False(t, ids[a.ID()], a.ID())
			ids[a.ID()] = true
			checked[a.Check]++
			assert.Equal(t, want.severity, a.Severity)
			assert.Equal(t, want.skipped, a.Skip != "")
			assert.Equal(t, suites.Denied, a.Expect)
			assert.True(t, a.OneSided())
		}
		assert.True(t, ids["dns/service/acme.web->globex.db/target-0/resolver:53/any-node/bare"], ids)
		for _, name := range (Suite{}).Checks() {
			if name != checkSweep {
				assert.Equal(t, 4, checked[name], name)
			}
		}
	}
}

// However many tenants there are, each place sweeps once.
func TestSweeps(t *testing.T) {
	ten := &tenancy.Tenancy{Tenants: []tenancy.Tenant{
		{Name: "acme", Namespaces: []string{"web"}}, {Name: "empty"},
		{Name: "globex", Namespaces: []string{"api", "db"}, Shadows: []tenancy.Shadow{{Namespace: "db", Workload: "StatefulSet/pg"}}},
	}}
	passes := map[string]suites.Place{}
	for _, a := range (Suite{}).Plan(ten, suites.Whole(ten)) {
		if a.Check == checkSweep {
			assert.True(t, a.Sweeps() && a.OneSided() && a.Out)
			passes[a.ID()] = a.Passes
		}
	}
	globex, acme := suites.Place{Tenant: "globex", Namespace: "api"}, suites.Place{Tenant: "acme", Namespace: "web"}
	assert.Equal(t, map[string]suites.Place{
		"dns/sweep/acme.web->service-range/sample/resolver:53/any-node/bare":                 globex,
		"dns/sweep/globex.api->service-range/sample/resolver:53/any-node/bare":               acme,
		"dns/sweep/globex.db->service-range/sample/resolver:53/any-node/bare":                acme,
		"dns/sweep/globex.db.StatefulSet.pg->service-range/sample/resolver:53/any-node/bare": acme,
	}, passes)
	assert.Empty(t, Suite{}.Plan(ten, suites.Part{From: ten.Tenants}), "they are no pair's")
	ten.Tenants = ten.Tenants[:2]
	assert.Empty(t, Suite{}.Plan(ten, suites.Whole(ten)), "there is nobody else")
}
