package egress

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func planOf(e tenancy.Egress) map[string]suites.Attempt {
	t := &tenancy.Tenancy{
		Tenants:  []tenancy.Tenant{{Name: "acme", Namespaces: []string{"web"}}, {Name: "globex", Namespaces: []string{"api", "db"}}},
		Promises: tenancy.Promises{Egress: e},
	}
	all := map[string]suites.Attempt{}
	for _, a := range (Suite{}).Plan(t, suites.Whole(t)) {
		all[a.ID()] = a
	}
	return all
}

func TestWithoutPromises(t *testing.T) {
	plan := planOf(tenancy.Egress{})
	require.Len(t, plan, 3*24, "24 ways out of three namespaces, each with an id of its own")
	for id, want := range map[string]struct {
		severity tenancy.Severity
		skipped  bool
	}{
		"egress/internet/acme.web->internet/1.1.1.1/address:443/any-node/bare":                       {tenancy.Low, false},
		"egress/internet/globex.db->internet/example.com/name:443/any-node/bare":                     {tenancy.Low, false},
		"egress/resolver/acme.web->internet/8.8.8.8/address:53/any-node/bare":                        {tenancy.Low, false},
		"egress/resolver-tcp/acme.web->internet/8.8.8.8/address:53/any-node/bare":                    {tenancy.Low, false},
		"egress/exfiltration/acme.web->internet/zone/resolver:53/any-node/bare":                      {tenancy.Low, true},
		"egress/metadata/acme.web->metadata/169.254.169.254/address:80/any-node/bare":                {tenancy.High, true},
		"egress/metadata/acme.web->metadata/metadata.google.internal/name:80/any-node/bare":          {tenancy.High, true},
		"egress/metadata-spelled/acme.web->metadata/2852039166/address:80/any-node/bare":             {tenancy.High, true},
		"egress/metadata-spelled/acme.web->metadata/::ffff:169.254.169.254/address:80/any-node/bare": {tenancy.High, true},
		"egress/resolver-doh/acme.web->internet/server/address:443/any-node/bare":                    {tenancy.Low, true},
		"egress/kube-api/acme.web->kube-api/kubernetes.default.svc/name:443/any-node/bare":           {tenancy.Info, false},
		"egress/kube-api/acme.web->kube-api/kubernetes/api-ip:443/any-node/bare":                     {tenancy.Info, false},
		"egress/kubelet/acme.web->kubelet/node/node-ip:10250/cross-node/bare":                        {tenancy.High, false},
		"egress/kubelet/acme.web->kubelet/node/node-ip:10255/same-node/bare":                         {tenancy.High, false},
	} {
		a, ok := plan[id]
		require.True(t, ok, id)
		assert.Equal(t, suites.Denied, a.Expect, id)
		assert.Equal(t, want.severity, a.Severity, id)
		assert.Equal(t, want.skipped, a.Skip != "", id)
		assert.True(t, a.OneSided(), id)
		assert.NotEmpty(t, a.Remedy, id)
	}
}

func TestPromises(t *testing.T) {
	plan := planOf(tenancy.Egress{
		Internet: tenancy.WayDenied, Metadata: tenancy.WayDenied, KubeAPI: tenancy.WayAllowed, CanaryZone: "canary.example",
		AllowedHosts: []tenancy.Endpoint{{Host: "payments.example.com", Port: 8443}}, InternetHosts: []tenancy.Endpoint{{Host: "203.0.113.10", Port: 4444}},
		Resolvers: []string{"203.0.113.53"},
	})
	for id, want := range map[string]suites.Expectation{
		"egress/internet/acme.web->internet/203.0.113.10/address:4444/any-node/bare":          suites.Denied,
		"egress/allowed-host/acme.web->internet/payments.example.com/name:8443/any-node/bare": suites.Allowed,
		"egress/resolver/acme.web->internet/203.0.113.53/address:53/any-node/bare":            suites.Denied,
		"egress/exfiltration/acme.web->internet/canary.example/resolver:53/any-node/bare":     suites.Denied,
		"egress/metadata/acme.web->metadata/169.254.169.254/address:80/any-node/bare":         suites.Denied,
		"egress/kube-api/acme.web->kube-api/kubernetes.default.svc/name:443/any-node/bare":    suites.Allowed,
	} {
		a, ok := plan[id]
		require.True(t, ok, id)
		assert.Equal(t, want, a.Expect, id)
		assert.Equal(t, tenancy.High, a.Severity, "what was promised and does not hold")
		assert.Empty(t, a.Skip, id)
	}
}

// Every way to the witness has an id of its own, and leads to a tenant that may
// use it and to all others; a name that leaves through the resolver is nobody's.
func TestWitness(t *testing.T) {
	plan := planOf(tenancy.Egress{Internet: tenancy.WayDenied, Witness: &tenancy.Witness{
		Address: "203.0.113.30", Ports: tenancy.WitnessPorts(), Zone: "seen.example", Tenants: []string{"globex"},
	}})
	for id, protocol := range map[string]string{
		"witness-http/%s->internet/203.0.113.30/address:80":          "tcp",
		"witness-tls/%s->internet/203.0.113.30/address:443":          "tcp",
		"witness-tcp/%s->internet/203.0.113.30/address:4444":         "tcp",
		"witness-udp/%s->internet/203.0.113.30/address:4444":         "udp",
		"witness-dns/%s->internet/203.0.113.30/address:53":           "udp",
		"witness-dns-tcp/%s->internet/203.0.113.30/address:53":       "tcp",
		"witness-exfiltration/%s->internet/seen.example/resolver:53": "udp",
	} {
		for from, want := range map[string]suites.Expectation{"acme.web": suites.Denied, "globex.db": suites.Allowed} {
			a, ok := plan["egress/"+fmt.Sprintf(id, from)+"/any-node/bare"]
			require.True(t, ok, id)
			if a.Address == suites.Resolver {
				want = suites.Denied
			}
			assert.Equal(t, want, a.Expect, a.ID())
			assert.Equal(t, protocol, a.Port.Protocol, a.ID())
			assert.Equal(t, tenancy.High, a.Severity, a.ID())
			assert.True(t, a.Witnessed && !a.OneSided(), a.ID())
			assert.NotEmpty(t, a.Remedy, a.ID())
			assert.Contains(t, (Suite{}).Checks(), a.Check)
		}
	}
}
