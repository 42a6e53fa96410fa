package mesh

import (
	"fmt"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const checkControlPlane = "control-plane"

// istiod is the Service of Istio's control plane where it has its default name.
const istiod = "istiod.istio-system.svc"

// controlPorts are those of its Service that no pod of a tenant needs: its proxies
// speak to 15012 (istio.io/latest/docs/ops/deployment/application-requirements).
var controlPorts = []struct {
	number   int
	do       probes.Do
	severity tenancy.Severity
	serves   string
}{
	{15010, probes.DoConnect, tenancy.Medium, "what it tells any proxy, to whoever says which, without TLS"},
	{15014, probes.DoHead, tenancy.Medium, "its metrics and, to whom it trusts, its view of the mesh"},
	{443, probes.DoConnect, tenancy.Low, "its webhooks, which only the API server calls"},
}

// onControlPlane is what every namespace tries of it.
func onControlPlane(part suites.Part) []suites.Attempt {
	if !part.Rest {
		return nil
	}
	var all []suites.Attempt
	for _, tenant := range part.From {
		for _, ns := range tenant.Namespaces {
			for _, p := range controlPorts {
				all = append(all, suites.Attempt{
					Suite: suite, Check: checkControlPlane, Do: p.do, From: suites.Place{Tenant: tenant.Name, Namespace: ns},
					To: suites.Place{Tenant: "control-plane"}, Out: true, Outside: istiod, Address: suites.ByName,
					Port: tenancy.Port{Protocol: "tcp", Number: p.number}, Placement: suites.AnyNode,
					Expect: suites.Denied, Severity: p.severity,
					Remedy: fmt.Sprintf("port %d serves %s: in istio-system, let a NetworkPolicy admit tenants to port 15012 of istiod alone; "+
						"or, in namespace %s, let one allow egress to no other", p.number, p.serves, ns),
				})
			}
		}
	}
	return all
}
