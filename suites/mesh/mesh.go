// Package mesh is the suite of what a service mesh adds to a pod. In each
// namespace whose own pods have a proxy beside them a second set of probes has
// one too; they are tried from such and from plain ones. Beside the workload the
// proxy has ports of its own, which the mesh does not hold its policies against:
// whoever reaches the pod reads what they serve.
package mesh

import (
	"fmt"
	"slices"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const (
	suite          = "mesh"
	checkProxyPort = "proxy-port"
)

// Suite is the mesh suite.
type Suite struct {
	Now func() time.Time // the day that crossings are held against; nil is the clock's
}

// Name is "mesh".
func (Suite) Name() string { return suite }

// requests are what a policy of the mesh decides about: each in the words of its
// protocol, if it has any.
var requests = []struct {
	check string
	do    probes.Do
	port  int
}{
	{"http", probes.DoHTTP, probes.PortHTTP},
	{"h2c", probes.DoH2C, probes.PortH2C},
	{"tcp", probes.DoTCP, probes.PortTCP},
	{"banner", probes.DoBanner, probes.PortBanner},
}

// Checks are the requests, their other forms, identities, proxy-port, control-plane, the two of egress, known, identity, injected and the bypasses.
func (Suite) Checks() []string {
	var names []string
	for _, r := range requests {
		names = append(names, r.check)
	}
	names = append(names, probes.Forms()...)
	names = append(names, probes.Identities()...)
	names = append(names, checkProxyPort, checkControlPlane, checkEgress, checkAllowed, checkKnown, checkIdentity, checkInjected)
	for _, b := range bypasses {
		names = append(names, b.check)
	}
	return names
}

// proxyPorts are those of Istio's sidecar that its redirection leaves out or
// leads to the proxy itself, by Istio's list of the ports that it uses
// (istio.io/latest/docs/ops/deployment/application-requirements).
var proxyPorts = []struct {
	number   int
	serves   string
	severity tenancy.Severity
}{
	{15000, "the proxy's administration", tenancy.Critical},
	{15001, "the proxy's listener for what leaves the pod", tenancy.High},
	{15004, "the proxy's view of the control plane", tenancy.High},
	{15006, "the proxy's listener for what enters the pod", tenancy.High},
	{15008, "the proxy's listener for tunnels (HBONE)", tenancy.High},
	{15020, "the metrics of the workload, the agent and the proxy in one", tenancy.Medium},
	{15021, "the proxy's health", tenancy.Low},
	{15090, "the proxy's metrics", tenancy.Medium},
}

// Idle says that there is no mesh, and none promised.
func (Suite) Idle(t *tenancy.Tenancy) string {
	if !t.Promises.Holds(tenancy.MeshLayer) && !meshed(t) {
		return "the suite mesh has nothing to try: no pod of any tenant has a mesh's proxy beside it"
	}
	return ""
}

func meshed(t *tenancy.Tenancy) bool {
	for _, tenant := range t.Tenants {
		if len(tenant.Meshed) > 0 {
			return true
		}
	}
	return false
}

// cells are the targets and from where they are tried: each from a node on which
// a second pod of the target's tenant can stand as control.
var cells = []struct {
	target    int
	placement suites.Placement
}{
	{0, suites.SameNode},
	{1, suites.CrossNode},
}

// Plan lists what is tried on the probes with proxies of other tenants, from
// each namespace by a plain probe and by one that asks for a proxy: a label of its
// own gets a pod an identity, also where its namespace's others have none. Of a
// tenancy without proxies it is nothing but the question whether there are any,
// where they are promised.
func (s Suite) Plan(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	all := onAdmission(t, part)
	if !meshed(t) {
		return all
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	all = append(all, onControlPlane(part)...)
	for _, from := range part.From {
		if part.Rest {
			all = append(all, waysOut(t.Promises.Egress, from)...)
		}
		plain := tenancy.Tenant{Name: from.Name, Namespaces: from.Namespaces, Meshed: from.Namespaces}
		sources := slices.Concat(suites.Places(plain), suites.Proxied(plain))
		for _, to := range part.To {
			if from.Name == to.Name {
				continue
			}
			for _, source := range sources {
				if source.Proxied {
					all = append(all, onKnowledge(t, source, to, now())...)
					all = append(all, onIdentity(source, to)...)
				}
				for _, target := range suites.Proxied(to) {
					all = append(all, onWorkload(t, source, target, now())...)
					all = append(all, onForms(t, source, target, now())...)
					if !source.Proxied { // whose own proxy would answer for these ports, and shows an identity of its own
						all = append(all, onIdentities(t, source, target, now())...)
						all = append(all, onProxy(source, target)...)
					}
				}
			}
		}
	}
	return all
}

// onForms are requests for the same by other methods, and by paths that backends
// take for the same: a policy that says what is denied may let them in.
func onForms(t *tenancy.Tenancy, from, to suites.Place, now time.Time) []suites.Attempt {
	var all []suites.Attempt
	for _, form := range probes.Forms() {
		a := inForm(t, from, to, now, form)
		if a.Expect == suites.Allowed {
			a.Skip = "declared, for the port: a mesh may allow some requests of it only"
		}
		a.Remedy += "; a policy that allows what it names (action ALLOW) lets no other form of a request in, as one that denies (action DENY) may"
		all = append(all, a)
	}
	return all
}

// inForm is the request by HTTP in another form, which is its check too, on one cell.
func inForm(t *tenancy.Tenancy, from, to suites.Place, now time.Time, form string) suites.Attempt {
	a := request(t, from, to, now, form, probes.DoHTTP, probes.PortHTTP)
	a.Form, a.Target, a.Placement = form, cells[0].target, cells[0].placement
	return a
}

// onIdentities are requests by clients that show no identity, or one of their own
// making.
func onIdentities(t *tenancy.Tenancy, from, to suites.Place, now time.Time) []suites.Attempt {
	var all []suites.Attempt
	for _, form := range probes.Identities() {
		a := inForm(t, from, to, now, form)
		a.Remedy = fmt.Sprintf("in namespace %s, let no EnvoyFilter change what the proxies ask of a client's certificate, and the mesh trust no authority but its own; "+
			"and a NetworkPolicy that admits its own tenant only keeps the others from the pods at all", to.Namespace)
		all = append(all, a)
	}
	return all
}

// onWorkload are requests of the workload itself, by the name that a mesh knows
// it by: by any other address the sidecar of the source lets them pass
// without an identity, and that of a tenant's own pod too.
func onWorkload(t *tenancy.Tenancy, from, to suites.Place, now time.Time) []suites.Attempt {
	var all []suites.Attempt
	for _, r := range requests {
		all = append(all, onCells(request(t, from, to, now, r.check, r.do, r.port))...)
	}
	return all
}

// request is one of a workload, without the cell that it is made on.
func request(t *tenancy.Tenancy, from, to suites.Place, now time.Time, check string, do probes.Do, port int) suites.Attempt {
	a := suites.Attempt{
		Suite: suite, Check: check, Do: do, From: from, To: to,
		Address: suites.ServiceName, Port: tenancy.Port{Protocol: "tcp", Number: port},
		Expect: suites.Denied, Severity: tenancy.High, Remedy: workloadRemedy(from, to, check),
	}
	if c, ok := t.Crosses(from.Tenant, to.Tenant, a.Port, now); ok {
		a.Expect, a.Reason = suites.Allowed, c.Reason
		if !from.Proxied {
			a.Skip = "declared, for whoever shows an identity: a mesh may refuse a pod without a proxy all the same"
		}
		a.Remedy = fmt.Sprintf("let an AuthorizationPolicy of namespace %s allow %s on %s, or take the crossing out of the tenancy file", to.Namespace, from.Tenant, a.Port)
	}
	return a
}

func workloadRemedy(from, to suites.Place, check string) string {
	if !from.Proxied {
		return fmt.Sprintf("in namespace %s, a PeerAuthentication with mtls.mode STRICT refuses whoever has no identity of the mesh; "+
			"and a NetworkPolicy that admits its own tenant only keeps the others from the pods at all", to.Namespace)
	}
	text := fmt.Sprintf("in namespace %s, an AuthorizationPolicy that allows its own tenant's namespaces only (source.namespaces), beside one for the mesh that allows nothing", to.Namespace)
	if check == "banner" {
		text += "; a server that speaks first is heard before any such policy is asked: only a NetworkPolicy keeps it from others"
	}
	return text
}

func onProxy(from, to suites.Place) []suites.Attempt {
	var all []suites.Attempt
	for _, p := range proxyPorts {
		all = append(all, onCells(suites.Attempt{
			Suite: suite, Check: checkProxyPort, Do: probes.DoHead, From: from, To: to, Proxy: p.serves,
			Address: suites.PodIP, Port: tenancy.Port{Protocol: "tcp", Number: p.number},
			Expect: suites.Denied, Severity: p.severity, Remedy: portRemedy(to, p.number),
		})...)
	}
	return all
}

func onCells(a suites.Attempt) []suites.Attempt {
	var all []suites.Attempt
	for _, c := range cells {
		a.Target, a.Placement = c.target, c.placement
		all = append(all, a)
	}
	return all
}

func portRemedy(to suites.Place, port int) string {
	text := fmt.Sprintf("no policy of the mesh holds against port %d of a pod: in namespace %s, let a NetworkPolicy that selects every pod "+
		"(podSelector: {}) admit its own tenant only, and who gathers metrics by name", port, to.Namespace)
	if port == 15090 {
		text += "; METRICS_LOCALHOST_ACCESS_ONLY in the proxy's metadata closes it to all others"
	}
	return text
}
