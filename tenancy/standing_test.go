package tenancy

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/fake"
)

func TestStandings(t *testing.T) {
	client := fake.NewClientset(append(system,
		namespace("acme-web", "team=acme"), namespace("acme-db", "team=acme"), namespace("globex-api", "team=globex"),
		namespace("umbrella"), namespace("sandbox-1"), namespace("platform"), namespace("lost"))...)
	tests := []struct {
		name, file string
		want       []Standing
	}{
		{"by label", head + "tenants: {byLabel: team}\nignoreNamespaces: [lost, sandbox-*, umbrella, kube-*]\n", []Standing{
			{"acme-db", OfTenant, "acme", "label team=acme"},
			{"acme-web", OfTenant, "acme", "label team=acme"},
			{"globex-api", OfTenant, "globex", "label team=globex"},
			{"platform", Unclaimed, "", "label team names no tenant"},
			{"default", Ignored, "", "nothing runs in it"},
			{"istio-system", Ignored, "", "the cluster's own"},
			{"kube-public", Ignored, "", "ignoreNamespaces kube-*"},
			{"kube-system", Ignored, "", "ignoreNamespaces kube-*"},
			{"lost", Ignored, "", "ignoreNamespaces lost"},
			{"sandbox-1", Ignored, "", "ignoreNamespaces sandbox-*"},
			{"umbrella", Ignored, "", "ignoreNamespaces umbrella"},
		}},
		{"by both, with a shared service beside a tenant", head + `tenants:
  byLabel: team
  list: [{name: umbrella, namespaces: [umbrella]}, {name: acme, namespaces: [acme-db]}]
ignoreNamespaces: [sandbox-1, kube-*, istio-system, default]
shared:
  - {name: audit, namespace: platform, service: audit, ports: [tcp/1], tenants: ["*"]}
  - {name: auth, namespace: platform, service: auth, ports: [tcp/1], tenants: ["*"]}
  - {name: own, namespace: umbrella, service: own, ports: [tcp/1], tenants: ["*"]}
`, []Standing{
			{"acme-db", OfTenant, "acme", "tenants.list on line 5"},
			{"acme-web", OfTenant, "acme", "label team=acme"},
			{"globex-api", OfTenant, "globex", "label team=globex"},
			{"umbrella", OfTenant, "umbrella", "tenants.list on line 5"},
			{"platform", OfShared, "", "shared service audit, auth"},
			{"lost", Unclaimed, "", "label team names no tenant, not listed"},
			{"default", Ignored, "", "ignoreNamespaces default"},
			{"istio-system", Ignored, "", "ignoreNamespaces istio-system"},
			{"kube-public", Ignored, "", "ignoreNamespaces kube-*"},
			{"kube-system", Ignored, "", "ignoreNamespaces kube-*"},
			{"sandbox-1", Ignored, "", "ignoreNamespaces sandbox-1"},
		}},
		{"by list", head + "tenants:\n  list:\n    - {name: acme, namespaces: [acme-db]}\n    - {name: umbrella, namespaces: [umbrella]}\n" +
			"ignoreNamespaces: [g*, acme-web, default, i*, kube-*, l*, p*]\n", []Standing{
			{"acme-db", OfTenant, "acme", "tenants.list on line 5"},
			{"umbrella", OfTenant, "umbrella", "tenants.list on line 6"},
			{"sandbox-1", Unclaimed, "", "not listed"},
			{"acme-web", Ignored, "", "ignoreNamespaces acme-web"},
			{"default", Ignored, "", "ignoreNamespaces default"},
			{"globex-api", Ignored, "", "ignoreNamespaces g*"},
			{"istio-system", Ignored, "", "ignoreNamespaces i*"},
			{"kube-public", Ignored, "", "ignoreNamespaces kube-*"},
			{"kube-system", Ignored, "", "ignoreNamespaces kube-*"},
			{"lost", Ignored, "", "ignoreNamespaces l*"},
			{"platform", Ignored, "", "ignoreNamespaces p*"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := parse(t, tt.file)
			found, err := Discover(context.Background(), client, file, "")
			require.NoError(t, err)
			assert.Equal(t, tt.want, found.Standings(file))
		})
	}
}

func TestStandingsWithoutFile(t *testing.T) {
	client := fake.NewClientset(namespace("a", "tenant=a"), namespace("b", "tenant=b"))
	found, err := Discover(context.Background(), client, nil, "")
	require.NoError(t, err)
	assert.Equal(t, []Standing{{"a", OfTenant, "a", "label tenant=a"}, {"b", OfTenant, "b", "label tenant=b"}}, found.Standings(nil))
}
