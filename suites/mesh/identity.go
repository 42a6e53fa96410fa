package mesh

import (
	"fmt"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const checkIdentity = "identity"

// onIdentity asks whom a namespace's own workload is told of, where its client names
// another tenant. A workload that tells tenants apart has nothing else to do it by.
func onIdentity(from suites.Place, to tenancy.Tenant) []suites.Attempt {
	var all []suites.Attempt
	for _, ns := range to.Namespaces {
		all = append(all, suites.Attempt{
			Suite: suite, Check: checkIdentity, Do: probes.DoIdentity, From: from, To: suites.Place{Tenant: to.Name, Namespace: ns},
			Address: suites.ProxyView, Port: tenancy.Port{Protocol: "tcp", Number: probes.PortHTTP}, Placement: suites.AnyNode,
			Expect: suites.Denied, Severity: tenancy.High,
			Remedy: fmt.Sprintf("let no EnvoyFilter have the proxies of namespace %s pass x-forwarded-client-cert on as a client sent it "+
				"(forward_client_cert_details: Istio's own is APPEND_FORWARD, which removes it from who has no certificate)", from.Namespace),
		})
	}
	return all
}
