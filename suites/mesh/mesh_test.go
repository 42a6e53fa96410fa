package mesh

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func TestPlan(t *testing.T) {
	ten := &tenancy.Tenancy{
		Tenants: []tenancy.Tenant{
			{Name: "acme", Namespaces: []string{"web"}, Meshed: []string{"web"}}, {Name: "globex", Namespaces: []string{"api", "db"}, Meshed: []string{"db"}},
			{Name: "plain", Namespaces: []string{"p"}},
		},
		Crossings: []tenancy.Crossing{{From: "acme", To: "globex", Ports: []tenancy.Port{{Protocol: "tcp", Number: 8080}}, Reason: "shared API"}},
	}
	plan := Suite{Now: func() time.Time { return time.Unix(0, 0) }}.Plan(ten, suites.Whole(ten))
	// Those of web and db try three hosts of the internet.
	// Each of four namespaces' proxies is asked about those of the other tenants, and told that one of them asks: three, two, two and three.
	// web is tried from api, db and p, and db from web and p, each with a proxy and without.
	forms := probes.Forms()
	require.Len(t, plan, (2*len(forms)+len(probes.Identities()))*5+len(cells)*(2*5*len(requests)+5*len(proxyPorts))+4*len(controlPorts)+2*len(bypasses)+2*10+2*3)
	ids := map[string]suites.Attempt{}
	for _, a := range plan {
		if ids[a.ID()] = a; a.Check == checkControlPlane {
			assert.True(t, a.Out && a.OneSided() && !a.From.Proxied)
			continue
		}
		if a.Check == checkKnown {
			assert.True(t, a.OneSided() && a.From.Proxied && !a.To.Proxied)
			assert.Equal(t, tenancy.Medium, a.Severity)
			assert.Contains(t, a.Remedy, "in namespace "+a.From.Namespace+", a Sidecar")
			assert.Equal(t, a.From.Tenant == "acme" && a.To.Tenant == "globex", a.Skip != "", "who may call has to know whom")
			continue
		}
		if a.Check == checkIdentity {
			assert.True(t, a.OneSided() && a.From.Proxied && !a.To.Proxied && a.Skip == "")
			assert.Contains(t, a.Remedy, "namespace "+a.From.Namespace)
			continue
		}
		if a.Check == checkEgress {
			assert.True(t, a.Out && a.OneSided() && a.From.Proxied)
			continue
		}
		if a.AsksAdmission() {
			assert.True(t, a.From.Namespace == "web" || a.From.Namespace == "db", "which have proxies")
			assert.Equal(t, tenancy.Low, a.Severity)
			assert.False(t, a.Promised)
			continue
		}
		assert.NotEqual(t, a.From.Tenant, a.To.Tenant)
		assert.True(t, a.To.Proxied)
	}
	require.Len(t, ids, len(plan))

	metrics := ids["mesh/proxy-port/acme.web->globex.db/sidecar-target-1/pod-ip:15020/cross-node/bare"]
	assert.True(t, metrics.OneSided(), "nothing of ours listens there")
	assert.Equal(t, tenancy.Medium, metrics.Severity)
	assert.Contains(t, metrics.Remedy, "in namespace db, let a NetworkPolicy")
	assert.NotContains(t, metrics.Remedy, "METRICS_LOCALHOST_ACCESS_ONLY", "which leaves this port as it is")
	assert.Contains(t, ids["mesh/proxy-port/plain.p->globex.db/sidecar-target-0/pod-ip:15090/same-node/bare"].Remedy, "METRICS_LOCALHOST_ACCESS_ONLY")

	plaintext := ids["mesh/control-plane/plain.p->control-plane/istiod.istio-system.svc/name:15010/any-node/bare"]
	assert.Equal(t, tenancy.Medium, plaintext.Severity)
	assert.Contains(t, plaintext.Remedy, "admit tenants to port 15012 of istiod alone")
	assert.Empty(t, onControlPlane(suites.Part{From: ten.Tenants}), "once in a plan")

	post := ids["mesh/method-post/globex.db->acme.web/sidecar-target-0/service-name:8080/same-node/sidecar"]
	assert.Equal(t, "method-post", post.Form)
	assert.Equal(t, suites.Denied, post.Expect)
	assert.Contains(t, post.Remedy, "a policy that allows what it names")
	assert.Contains(t, ids[post.Beside()].ID(), "/same-node/bare")
	assert.Contains(t, ids["mesh/method-post/acme.web->globex.db/sidecar-target-0/service-name:8080/same-node/sidecar"].Skip, "some requests of it only")

	crossing := ids["mesh/http/acme.web->globex.db/sidecar-target-0/service-name:8080/same-node/sidecar"]
	assert.Equal(t, suites.Allowed, crossing.Expect)
	assert.Empty(t, crossing.Skip)
	assert.Contains(t, ids["mesh/http/acme.web->globex.db/sidecar-target-0/service-name:8080/same-node/bare"].Skip, "for whoever shows an identity")
	assert.Empty(t, ids["mesh/tcp/acme.web->globex.db/sidecar-target-0/service-name:9007/same-node/bare"].Skip)
	assert.Contains(t, ids, "mesh/http/plain.p->globex.db/sidecar-target-0/service-name:8080/same-node/sidecar", "a pod of a namespace without proxies can ask for one")
	banner := ids["mesh/banner/globex.db->acme.web/sidecar-target-0/service-name:9013/same-node/sidecar"]
	assert.Equal(t, suites.Denied, banner.Expect)
	assert.False(t, banner.OneSided())
	assert.Contains(t, banner.Remedy, "heard before any such policy is asked")
	assert.False(t, banner.Stands())
	beside := ids[banner.Beside()]
	assert.Equal(t, "mesh/banner/globex.db->acme.web/sidecar-target-0/service-name:9013/same-node/bare", beside.ID())
	assert.True(t, beside.Stands())
	assert.Contains(t, beside.Remedy, "STRICT")

	assert.Empty(t, Suite{}.Idle(ten))
	for i := range ten.Tenants {
		ten.Tenants[i].Meshed = nil
	}
	assert.Empty(t, Suite{}.Plan(ten, suites.Whole(ten)))
	assert.Contains(t, Suite{}.Idle(ten), "no pod of any tenant has a mesh's proxy")
}
