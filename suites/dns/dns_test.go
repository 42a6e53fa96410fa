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
	for promise, want := range map[tenancy.Visibility]struct {
		severity tenancy.Severity
		skipped  bool
	}{
		"": {tenancy.Medium, false}, tenancy.Hidden: {tenancy.High, false}, tenancy.Visible: {tenancy.Medium, true},
	} {
		ten.Promises.DNS = promise
		plan := Suite{}.Plan(ten)
		assert.Len(t, plan, 2*2*len(checks))
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
			assert.Equal(t, 4, checked[name], name)
		}
	}
}
