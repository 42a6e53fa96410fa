package dns

import (
	"slices"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// sweeps asks from each place of a tenant whose the addresses of a sample of
// the range of Services are, as somebody would who knows no name. One sample
// is about all other tenants, so that there are no more of them than places.
func sweeps(t *tenancy.Tenancy, from tenancy.Tenant) []suites.Attempt {
	next, ok := after(t.Tenants, from)
	if !ok {
		return nil
	}
	var all []suites.Attempt
	for _, source := range suites.Places(from) {
		a := suites.Attempt{
			Suite: suite, Check: checkSweep, From: source, To: suites.Place{Tenant: "service-range"}, Out: true, Passes: next,
			Do: probes.DoDNS, Lookup: suites.Lookup{Of: suites.SweepRecord, Type: "PTR", Over: "udp"},
			Address: suites.Resolver, Port: tenancy.Port{Protocol: "udp", Number: probes.PortDNS},
			Placement: suites.AnyNode, Expect: suites.Denied, Severity: tenancy.Medium, Remedy: remedy,
		}
		asPromised(&a, t.Promises)
		all = append(all, a)
	}
	return all
}

// after is a namespace of the tenant that follows another, round the end.
func after(tenants []tenancy.Tenant, from tenancy.Tenant) (suites.Place, bool) {
	at := slices.IndexFunc(tenants, func(t tenancy.Tenant) bool { return t.Name == from.Name })
	for i := 1; i < len(tenants); i++ {
		if next := tenants[(at+i)%len(tenants)]; len(next.Namespaces) > 0 {
			return suites.Place{Tenant: next.Name, Namespace: next.Namespaces[0]}, true
		}
	}
	return suites.Place{}, false
}
