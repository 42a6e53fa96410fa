package mesh

import (
	"fmt"
	"slices"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/egress"
	"github.com/partywall/partywall/tenancy"
)

const (
	checkEgress  = "egress"
	checkAllowed = "egress-allowed"
)

// waysOut are the hosts of the internet that a tenant's pods try through their own
// proxies. What a proxy does with a connection shows once the client has spoken: HTTP
// on the port of HTTP, and else TLS.
func waysOut(promises tenancy.Egress, from tenancy.Tenant) []suites.Attempt {
	var all []suites.Attempt
	for _, place := range suites.Proxied(from) {
		add := func(check string, host tenancy.Endpoint, promise tenancy.Promise) {
			a := suites.Attempt{
				Suite: suite, Check: check, Do: probes.DoHello, From: place, To: suites.Place{Tenant: "internet"}, Out: true, Outside: host.Host,
				Address: suites.ByAddress, Port: tenancy.Port{Protocol: "tcp", Number: host.Port}, Placement: suites.AnyNode,
				Remedy: fmt.Sprintf("in namespace %s, a Sidecar with outboundTrafficPolicy.mode REGISTRY_ONLY, or that for the whole mesh; what goes past a "+
					"proxy only a NetworkPolicy holds", place.Namespace),
			}
			if host.ByName() {
				a.Address = suites.ByName
			}
			switch host.Port {
			case 80:
				a.Do = probes.DoHead
			case 443:
			default:
				a.Skip = "what is spoken on this port is not known, and a proxy shows what it does with a connection once the client has spoken"
			}
			egress.Expect(&a, promise, tenancy.Low)
			all = append(all, a)
		}
		for _, host := range egress.Hosts(promises) {
			if !slices.Contains(promises.AllowedHosts, host) {
				add(checkEgress, host, promises.Internet)
			}
		}
		for _, host := range promises.AllowedHosts {
			add(checkAllowed, host, tenancy.WayAllowed)
		}
	}
	return all
}
