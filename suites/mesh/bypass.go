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
var bypasses = []struct {
	check  string
	change suites.Change
}{
	{"bypass-label", suites.Change{With: "the label sidecar.istio.io/inject: false", Patch: `{"metadata":{"labels":{"sidecar.istio.io/inject":"false"}}}`, Proxyless: true}},
	{"bypass-annotation", suites.Change{With: "the annotation sidecar.istio.io/inject: false", Patch: `{"metadata":{"annotations":{"sidecar.istio.io/inject":"false"}}}`, Proxyless: true}},
	{"bypass-uid", suites.Change{With: "the proxy's own user, 1337, whose traffic is not redirected", Patch: `{"spec":{"securityContext":{"runAsUser":1337}}}`}},
	{"bypass-gid", suites.Change{With: "the proxy's own group, 1337, whose traffic is not redirected", Patch: `{"spec":{"securityContext":{"runAsGroup":1337}}}`}},
	{"bypass-container-uid", suites.Change{With: "a container of the proxy's own user, 1337", Patch: `{"spec":{"containers":[{"name":"probe","securityContext":{"runAsUser":1337}}]}}`}},
	{"bypass-container-gid", suites.Change{With: "a container of the proxy's own group, 1337", Patch: `{"spec":{"containers":[{"name":"probe","securityContext":{"runAsGroup":1337}}]}}`}},
	{"bypass-ports", suites.Change{With: "the annotation traffic.sidecar.istio.io/excludeOutboundPorts", Patch: `{"metadata":{"annotations":{"traffic.sidecar.istio.io/excludeOutboundPorts":"80,443"}}}`}},
	{"bypass-ranges", suites.Change{With: "the annotation traffic.sidecar.istio.io/excludeOutboundIPRanges", Patch: `{"metadata":{"annotations":{"traffic.sidecar.istio.io/excludeOutboundIPRanges":"0.0.0.0/0"}}}`}},
	{"bypass-included", suites.Change{With: "the annotation traffic.sidecar.istio.io/includeOutboundIPRanges", Patch: `{"metadata":{"annotations":{"traffic.sidecar.istio.io/includeOutboundIPRanges":"192.0.2.0/24"}}}`}},
	{"bypass-interfaces", suites.Change{With: "the annotation traffic.sidecar.istio.io/excludeInterfaces", Patch: `{"metadata":{"annotations":{"traffic.sidecar.istio.io/excludeInterfaces":"eth0"}}}`}},
	{"bypass-interception", suites.Change{With: "the annotation sidecar.istio.io/interceptionMode: NONE", Patch: `{"metadata":{"annotations":{"sidecar.istio.io/interceptionMode":"NONE"}}}`}},
}

// onAdmission asks for pods of each namespace by dry runs: for such as bypass
// their proxy where there is one, and for one that says nothing where the tenancy
// promises that all have one, or that none does without.
func onAdmission(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	if !part.Rest {
		return nil
	}
	var all []suites.Attempt
	for _, tenant := range part.From {
		for _, namespace := range promisedIn(t, tenant) {
			all = append(all, injected(tenant.Name, namespace))
		}
		for _, namespace := range tenant.Meshed {
			for _, b := range bypasses {
				a := dryRun(b.check, tenant.Name, namespace)
				a.Change, a.Severity = b.change, tenancy.Low
				a.Remedy = fmt.Sprintf("let an admission policy refuse pods with %s in namespace %s; and let a NetworkPolicy hold their "+
					"traffic, since a tenant's own proxy is no wall to that tenant", b.change.With, namespace)
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

// promisedIn are the namespaces of a tenant in which every pod is to have a proxy.
func promisedIn(t *tenancy.Tenancy, tenant tenancy.Tenant) []string {
	switch {
	case t.Promises.Holds(tenancy.MeshLayer):
		return tenant.Namespaces
	case t.Promises.Admission.MeshBypass == tenancy.WayDenied:
		return tenant.Meshed
	}
	return nil
}

func injected(tenant, namespace string) suites.Attempt {
	a := dryRun(checkInjected, tenant, namespace)
	a.Change, a.Severity, a.Promised = suites.Change{With: "no proxy of the mesh beside it", Proxyless: true}, tenancy.High, true
	a.Remedy = fmt.Sprintf("label namespace %s istio-injection: enabled (or istio.io/rev: REVISION), and restart its pods; "+
		"or take what promises it out of the file (promises.layers: mesh, promises.admission.meshBypass: denied)", namespace)
	return a
}

func dryRun(check, tenant, namespace string) suites.Attempt {
	return suites.Attempt{
		Suite: suite, Check: check, From: suites.Place{Tenant: tenant, Namespace: namespace}, To: suites.Place{Tenant: "admission"}, Out: true,
		Address: suites.DryRun, Placement: suites.AnyNode, Expect: suites.Denied,
	}
}
