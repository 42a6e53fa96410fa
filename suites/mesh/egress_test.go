package mesh

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func TestWaysOutThroughAProxy(t *testing.T) {
	from := tenancy.Tenant{Name: "acme", Namespaces: []string{"plain", "web"}, Meshed: []string{"web"}}
	host := func(name string, port int) tenancy.Endpoint { return tenancy.Endpoint{Host: name, Port: port} }
	all := waysOut(tenancy.Egress{
		Internet:      tenancy.WayDenied,
		InternetHosts: []tenancy.Endpoint{host("203.0.113.10", 80), host("web.outside.example", 443), host("files.example", 443)},
		AllowedHosts:  []tenancy.Endpoint{host("payments.example", 443), host("files.example", 443), host("db.example", 5432)},
	}, from)
	require.Len(t, all, 5, "a host that is allowed is tried as such alone")
	plain, named, allowed := all[0], all[1], all[2]
	assert.Equal(t, "mesh/egress-allowed/acme.web->internet/payments.example/name:443/any-node/sidecar", allowed.ID())
	assert.Contains(t, all[4].Skip, "what is spoken on this port is not known")
	assert.Equal(t, "mesh/egress/acme.web->internet/203.0.113.10/address:80/any-node/sidecar", plain.ID())
	assert.Equal(t, probes.DoHead, plain.Do)
	assert.Equal(t, tenancy.High, plain.Severity)
	assert.Contains(t, plain.Remedy, "in namespace web, a Sidecar with outboundTrafficPolicy.mode REGISTRY_ONLY")
	assert.Equal(t, "mesh/egress/acme.web->internet/web.outside.example/name:443/any-node/sidecar", named.ID())
	assert.Equal(t, probes.DoHello, named.Do)
	assert.Equal(t, suites.Denied, named.Expect)
	assert.Equal(t, suites.Allowed, allowed.Expect)

	for _, a := range waysOut(tenancy.Egress{}, from) {
		assert.Equal(t, tenancy.Low, a.Severity, "nothing is promised")
	}
	assert.Empty(t, waysOut(tenancy.Egress{}, tenancy.Tenant{Name: "plain", Namespaces: []string{"p"}}))
}
