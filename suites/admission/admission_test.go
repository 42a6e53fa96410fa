package admission

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func planOf(promise tenancy.Promise) []suites.Attempt {
	t := &tenancy.Tenancy{
		Tenants: []tenancy.Tenant{
			{Name: "acme", Namespaces: []string{"web"}, Shadows: []tenancy.Shadow{{Namespace: "web", Workload: "Deployment/api"}}},
			{Name: "globex", Namespaces: []string{"api", "db"}},
		},
		Promises: tenancy.Promises{Admission: tenancy.Admission{HostNetwork: promise}},
	}
	return (Suite{}).Plan(t, suites.Whole(t))
}

func TestOneQuestionANamespace(t *testing.T) {
	var ids []string
	for _, a := range planOf("") {
		ids = append(ids, a.ID())
		assert.True(t, a.AsksAdmission())
		assert.False(t, a.OneSided(), "its control stands on the same ground")
		assert.False(t, a.Asks(), "of no resolver")
		assert.Equal(t, suites.Denied, a.Expect)
		assert.Equal(t, tenancy.High, a.Severity)
		assert.Contains(t, a.Remedy, "namespace "+a.From.Namespace+" ")
		assert.Empty(t, a.Skip)
		assert.False(t, a.Promised)
	}
	assert.Equal(t, []string{
		"admission/host-network/acme.web->admission/pod/dry-run:0/any-node/bare",
		"admission/host-network/globex.api->admission/pod/dry-run:0/any-node/bare",
		"admission/host-network/globex.db->admission/pod/dry-run:0/any-node/bare",
	}, ids)
}

func TestPromises(t *testing.T) {
	for _, a := range planOf(tenancy.WayDenied) {
		assert.True(t, a.Promised)
		assert.Empty(t, a.Skip)
	}
	for _, a := range planOf(tenancy.WayAllowed) {
		assert.Contains(t, a.Skip, "promises.admission.hostNetwork")
	}
}

func TestARestOfThePlanOnly(t *testing.T) {
	tenants := []tenancy.Tenant{{Name: "acme", Namespaces: []string{"web"}}}
	require.Empty(t, (Suite{}).Plan(&tenancy.Tenancy{Tenants: tenants}, suites.Part{From: tenants, To: tenants}))
}
