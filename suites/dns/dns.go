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
	{"mixed-case", suites.Lookup{Of: suites.MixedRecord, Type: "A", Over: "udp"}},
	{"search", suites.Lookup{Of: suites.SearchRecord, Type: "A", Over: "udp"}},
	{"wildcard", suites.Lookup{Of: suites.WildcardRecord, Type: "A", Over: "udp"}},
	{"outside-resolver", suites.Lookup{Of: suites.ElsewhereRecord, Type: "A", Over: "udp"}},
}

// checkSweep asks whose the addresses of a sample are.
const checkSweep = "sweep"

// Checks are the names of the questions.
func (Suite) Checks() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return append(names, checkSweep)
}

// Plan asks every question about every namespace from every namespace of every
// other tenant, and from each, once, whose the addresses of a sample are.
func (Suite) Plan(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	var all []suites.Attempt
	for _, from := range part.From {
		if part.Rest {
			all = append(all, sweeps(t, from)...)
		}
		for _, to := range part.To {
			if from.Name == to.Name {
				continue
			}
			for _, source := range suites.Places(from) {
				// Names are a namespace's; which workload one leads to is nothing to a resolver.
				for _, toNS := range to.Namespaces {
					all = append(all, plan(t.Promises, source, suites.Place{Tenant: to.Name, Namespace: toNS})...)
				}
			}
		}
	}
	return all
}

const remedy = "a resolver that answers each tenant for its own namespaces only (CoreDNS's firewall or view plugins, or a resolver a tenant), " +
	"or `promises: {dns: visible}` in the tenancy file where names are no secret"

// outside points a question at a server outside. Only one that the file names
// is told names of the cluster's.
func outside(a *suites.Attempt, resolvers []string) {
	if len(resolvers) == 0 {
		a.Skip = "opt-in: promises.egress.resolvers names DNS servers outside, of which the first is asked"
		return
	}
	a.Lookup.Server = resolvers[0]
	a.Remedy = "keep the cluster's zone off DNS servers outside, or have them answer for it to the cluster's own resolver only"
}

func plan(promises tenancy.Promises, from, to suites.Place) []suites.Attempt {
	var all []suites.Attempt
	for _, c := range checks {
		a := suites.Attempt{
			Suite: suite, Check: c.name, From: from, To: to, Do: probes.DoDNS, Lookup: c.lookup,
			Address: suites.Resolver, Port: tenancy.Port{Protocol: c.lookup.Over, Number: probes.PortDNS},
			Placement: suites.AnyNode, Expect: suites.Denied, Severity: tenancy.Medium, Remedy: remedy,
		}
		if c.lookup.Of == suites.ElsewhereRecord {
			outside(&a, promises.Egress.Resolvers)
		}
		asPromised(&a, promises)
		all = append(all, a)
	}
	return all
}

func asPromised(a *suites.Attempt, promises tenancy.Promises) {
	switch promises.DNS {
	case tenancy.Hidden:
		a.Severity = tenancy.High
	case tenancy.Visible:
		a.Skip = "the tenancy file says that names are visible to everybody (promises.dns)"
	}
}
