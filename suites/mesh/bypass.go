package mesh

import (
	"fmt"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// checkInjected asks whether a pod that says nothing of a mesh gets its proxy.
const checkInjected = "injected"

// bypasses are pods whose traffic goes past their own proxy, or that have none, by
// the fields that Istio documents
// (istio.io/latest/docs/reference/config/annotations, .../ops/deployment/application-requirements).
// Istio calls none of them a boundary: what a tenant's pod may do without a proxy, the
// targets have to stand.
var bypasses = []struct{ check, with, patch string }{
	{"bypass-label", "the label sidecar.istio.io/inject: false", `{"metadata":{"labels":{"sidecar.istio.io/inject":"false"}}}`},
	{"bypass-uid", "the proxy's own user, 1337, whose traffic is not redirected", `{"spec":{"securityContext":{"runAsUser":1337}}}`},
	{"bypass-gid", "the proxy's own group, 1337, whose traffic is not redirected", `{"spec":{"securityContext":{"runAsGroup":1337}}}`},
	{"bypass-ports", "the annotation traffic.sidecar.istio.io/excludeOutboundPorts", `{"metadata":{"annotations":{"traffic.sidecar.istio.io/excludeOutboundPorts":"80,443"}}}`},
	{"bypass-ranges", "the annotation traffic.sidecar.istio.io/excludeOutboundIPRanges", `{"metadata":{"annotations":{"traffic.sidecar.istio.io/excludeOutboundIPRanges":"0.0.0.0/0"}}}`},
	{"bypass-interception", "the annotation sidecar.istio.io/interceptionMode: NONE", `{"metadata":{"annotations":{"sidecar.istio.io/interceptionMode":"NONE"}}}`},
}

// onAdmission asks for pods of each namespace by dry runs: for such as bypass
// their proxy where there is one, and for one that says nothing where the tenancy
// promises that all have one.
func onAdmission(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	if !part.Rest {
		return nil
	}
	var all []suites.Attempt
	for _, tenant := range part.From {
		for _, namespace := range tenant.Namespaces {
			if t.Promises.Holds(tenancy.MeshLayer) {
				all = append(all, injected(tenant.Name, namespace))
			}
		}
		for _, namespace := range tenant.Meshed {
			for _, b := range bypasses {
				a := dryRun(b.check, tenant.Name, namespace)
				a.Change, a.Severity = suites.Change{With: b.with, Patch: b.patch}, tenancy.Low
				a.Remedy = fmt.Sprintf("let an admission policy refuse pods with %s in namespace %s; and let a NetworkPolicy hold their "+
					"traffic, since a tenant's own proxy is no wall to that tenant", b.with, namespace)
				switch t.Promises.Admission.MeshBypass {
				case tenancy.WayDenied:
					a.Promised, a.Severity = true, tenancy.High
				case tenancy.WayAllowed:
					a.Skip = "the tenancy file says that tenants may have such pods (promises.admission.meshBypass)"
				}
				all = append(all, a)
			}
		}
	}
	return all
}

func injected(tenant, namespace string) suites.Attempt {
	a := dryRun(checkInjected, tenant, namespace)
	a.Change, a.Severity, a.Promised = suites.Change{With: "no proxy of the mesh beside it", Proxyless: true}, tenancy.High, true
	a.Remedy = fmt.Sprintf("label namespace %s istio-injection: enabled (or istio.io/rev: REVISION), and restart its pods; "+
		"or take mesh out of promises.layers", namespace)
	return a
}

func dryRun(check, tenant, namespace string) suites.Attempt {
	return suites.Attempt{
		Suite: suite, Check: check, From: suites.Place{Tenant: tenant, Namespace: namespace}, To: suites.Place{Tenant: "admission"}, Out: true,
		Address: suites.DryRun, Placement: suites.AnyNode, Expect: suites.Denied,
	}
}
