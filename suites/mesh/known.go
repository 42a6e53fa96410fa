package mesh

import (
	"fmt"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const checkKnown = "known"

// onKnowledge asks what a source's own proxy knows of each namespace of a tenant.
// Istio tells every proxy of everything, unless it is told otherwise.
func onKnowledge(from suites.Place, to tenancy.Tenant) []suites.Attempt {
	var all []suites.Attempt
	for _, ns := range to.Namespaces {
		all = append(all, suites.Attempt{
			Suite: suite, Check: checkKnown, Do: probes.DoKnown, From: from, To: suites.Place{Tenant: to.Name, Namespace: ns},
			Address: suites.ProxyView, Port: tenancy.Port{Protocol: "tcp", Number: probes.PortAdmin}, Placement: suites.AnyNode,
			Expect: suites.Denied, Severity: tenancy.Medium,
			Remedy: fmt.Sprintf("in namespace %s, a Sidecar whose egress.hosts are ./* and those of shared services only; and in namespace %s, "+
				"the annotation networking.istio.io/exportTo: \".\" on its Services. What is hidden is not denied: that takes a policy", from.Namespace, ns),
		})
	}
	return all
}
