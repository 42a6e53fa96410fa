package mesh

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// asked are the questions to admission of a plan for two tenants, of which one
// has proxies.
func asked(promises tenancy.Promises) (all []suites.Attempt) {
	ten := &tenancy.Tenancy{
		Tenants:  []tenancy.Tenant{{Name: "acme", Namespaces: []string{"web"}, Meshed: []string{"web"}}, {Name: "plain", Namespaces: []string{"p"}}},
		Promises: promises,
	}
	return slices.DeleteFunc((Suite{}).Plan(ten, suites.Whole(ten)), func(a suites.Attempt) bool { return !a.AsksAdmission() })
}

func TestBypassesArePromised(t *testing.T) {
	denied := asked(tenancy.Promises{Admission: tenancy.Admission{MeshBypass: tenancy.WayDenied}})
	require.Len(t, denied, len(bypasses)+1, "and a pod that asks for nothing has to get one, where others do")
	denied = slices.DeleteFunc(denied, func(a suites.Attempt) bool { return a.Check == checkInjected })
	require.Len(t, denied, len(bypasses))
	for _, a := range denied {
		assert.True(t, a.Promised)
		assert.Equal(t, tenancy.High, a.Severity)
		assert.Contains(t, a.Remedy, a.Change.With)
	}
	assert.Equal(t, "mesh/bypass-label/acme.web->admission/pod/dry-run:0/any-node/bare", denied[0].ID())
	for _, a := range asked(tenancy.Promises{Admission: tenancy.Admission{MeshBypass: tenancy.WayAllowed}}) {
		assert.Contains(t, a.Skip, "promises.admission.meshBypass")
	}
}

func TestAPromisedMeshIsLookedFor(t *testing.T) {
	var ids []string
	for _, a := range asked(tenancy.Promises{Layers: []tenancy.Layer{tenancy.MeshLayer}}) {
		if a.Check == checkInjected {
			ids = append(ids, a.ID())
			assert.True(t, a.Promised && a.Change.Proxyless)
			assert.Equal(t, tenancy.High, a.Severity)
		}
	}
	assert.Equal(t, []string{"mesh/injected/acme.web->admission/pod/dry-run:0/any-node/bare", "mesh/injected/plain.p->admission/pod/dry-run:0/any-node/bare"}, ids)

	none := &tenancy.Tenancy{Tenants: []tenancy.Tenant{{Name: "acme", Namespaces: []string{"web"}}, {Name: "plain", Namespaces: []string{"p"}}}}
	assert.Contains(t, (Suite{}).Idle(none), "nothing to try")
	assert.Empty(t, (Suite{}).Plan(none, suites.Whole(none)))
	none.Promises.Layers = []tenancy.Layer{tenancy.MeshLayer}
	assert.Empty(t, (Suite{}).Idle(none), "a mesh that is promised and missing is no idle suite")
	assert.Len(t, (Suite{}).Plan(none, suites.Whole(none)), 2)
	none.Promises.Layers = []tenancy.Layer{tenancy.NetworkLayer}
	assert.Empty(t, (Suite{}).Plan(none, suites.Whole(none)))
}
