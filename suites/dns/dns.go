// Package dns is the suite of reconnaissance: whether a tenant can learn by
// the cluster's resolver what another one has. Plain Kubernetes tells everybody
// everything, so that such a leak is of medium severity where the tenancy file
// promises nothing.
package dns

import (
	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const suite = "dns"

// Suite is the dns suite.
type Suite struct{}

// Name is "dns".
func (Suite) Name() string { return suite }

// checks are the questions. What the first is for, anybody needs to use a
// Service; the others also tell what there is.
var checks = []struct {
	name   string
	lookup suites.Lookup
}{
	{"service", suites.Lookup{Of: suites.ServiceRecord, Type: "A", Over: "udp"}},
	{"service-tcp", suites.Lookup{Of: suites.ServiceRecord, Type: "A", Over: "tcp"}},
	{"srv", suites.Lookup{Of: suites.PortRecord, Type: "SRV", Over: "udp"}},
	{"headless", suites.Lookup{Of: suites.HeadlessRecord, Type: "A", Over: "udp"}},
	{"pod-record", suites.Lookup{Of: suites.PodRecord, Type: "A", Over: "udp"}},
	{"reverse", suites.Lookup{Of: suites.ReverseRecord, Type: "PTR", Over: "udp"}},
}

// Checks are the names of the questions.
func (Suite) Checks() []string {
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = c.name
	}
	return names
}

// Plan asks every question about every namespace from every namespace of every
// other tenant.
func (Suite) Plan(t *tenancy.Tenancy) []suites.Attempt {
	var all []suites.Attempt
	for _, from := range t.Tenants {
		for _, to := range t.Tenants {
			if from.Name == to.Name {
				continue
			}
			for _, fromNS := range from.Namespaces {
				for _, toNS := range to.Namespaces {
					all = append(all, plan(t.Promises.DNS,
						suites.Place{Tenant: from.Name, Namespace: fromNS}, suites.Place{Tenant: to.Name, Namespace: toNS})...)
				}
			}
		}
	}
	return all
}

const remedy = "a resolver that answers each tenant for its own namespaces only (CoreDNS's firewall or view plugins, or a resolver a tenant), " +
	"or `promises: {dns: visible}` in the tenancy file where names are no secret"

func plan(promise tenancy.Visibility, from, to suites.Place) []suites.Attempt {
	var all []suites.Attempt
	for _, c := range checks {
		a := suites.Attempt{
			Suite: suite, Check: c.name, From: from, To: to, Do: probes.DoDNS, Lookup: c.lookup,
			Address: suites.Resolver, Port: tenancy.Port{Protocol: c.lookup.Over, Number: probes.PortDNS},
			Placement: suites.AnyNode, Expect: suites.Denied, Severity: tenancy.Medium, Remedy: remedy,
		}
		switch promise {
		case tenancy.Hidden:
			a.Severity = tenancy.High
		case tenancy.Visible:
			a.Skip = "the tenancy file says that names are visible to everybody (promises.dns)"
		}
		all = append(all, a)
	}
	return all
}
