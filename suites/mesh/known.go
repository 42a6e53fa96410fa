package mesh

import (
	"fmt"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const checkKnown = "known"

// onKnowledge asks what a source's own proxy knows of each namespace of a tenant.
// Istio tells every proxy of everything, unless it is told otherwise.
// Whoever may call a Service by an identity has to be told of it.
func onKnowledge(t *tenancy.Tenancy, from suites.Place, to tenancy.Tenant, now time.Time) []suites.Attempt {
	skip := ""
	switch {
	case t.Promises.DNS == tenancy.Visible:
		skip = "the tenancy file says that names are visible to everybody (promises.dns)"
	case t.CrossesAtAll(from.Tenant, to.Name, now):
		skip = "a crossing is declared, for which the source's proxy has to know the other tenant's Services"
	}
	var all []suites.Attempt
	for _, ns := range to.Namespaces {
		all = append(all, suites.Attempt{
			Skip:  skip,
			Suite: suite, Check: checkKnown, Do: probes.DoKnown, From: from, To: suites.Place{Tenant: to.Name, Namespace: ns},
			Address: suites.ProxyView, Port: tenancy.Port{Protocol: "tcp", Number: probes.PortAdmin}, Placement: suites.AnyNode,
			Expect: suites.Denied, Severity: tenancy.Medium,
			Remedy: fmt.Sprintf("in namespace %s, a Sidecar whose egress.hosts are ./* and those of shared services only; and in namespace %s, "+
				"the annotation networking.istio.io/exportTo: \".\" on its Services. What is hidden is not denied: that takes a policy", from.Namespace, ns),
		})
	}
	return all
}
