package tenancy

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/fake"
)

const shadowed = head + "shadows:\n  - {namespace: a, workload: Deployment/api}\n  - {namespace: b, workload: StatefulSet/db}\n"

func TestShadowsAreTenants(t *testing.T) {
	client := fake.NewClientset(namespace("a", "tenant=acme"), namespace("b", "tenant=globex"))
	found, err := Discover(t.Context(), client, parse(t, shadowed), "x")
	require.NoError(t, err)
	require.Len(t, found.Shadows, 2)
	assert.Equal(t, "a/Deployment/api", found.Shadows[0].String())
	assert.Equal(t, "StatefulSet", found.Shadows[1].Kind())
	assert.Equal(t, "db", found.Shadows[1].Name())
	assert.Empty(t, found.Tenants[0].Shadows, "until they are put out")
	found.Cast(found.Shadows)
	assert.Equal(t, found.Shadows[:1], found.Tenants[0].Shadows)
	assert.Equal(t, found.Shadows[1:], found.Tenants[1].Shadows)
}

func TestShadowsOfNobody(t *testing.T) {
	client := fake.NewClientset(namespace("a"), namespace("c", "tenant=acme"), namespace("d", "tenant=globex"))
	_, err := Discover(t.Context(), client, parse(t, shadowed), "x")
	assert.EqualError(t, err, `f.yaml:4:17: namespace "a" of the shadow "Deployment/api" is no tenant's, so that nobody could be kept from it`+"\n"+
		`f.yaml:5:17: namespace "b" of the shadow "StatefulSet/db" does not exist in the cluster; did you mean "a"?`)
}

func TestARefusalHasItsPlace(t *testing.T) {
	found := &Tenancy{Path: "f.yaml", Shadows: parse(t, shadowed).Shadows}
	require.NoError(t, found.Refused(make([]error, 2)))
	assert.EqualError(t, found.Refused([]error{nil, errors.New("no")}), "f.yaml:5:17: shadow b/StatefulSet/db: no")
}
