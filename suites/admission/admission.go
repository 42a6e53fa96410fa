// Package admission is the suite of what pods tenants may have: whether the API
// server would let one into a tenant's namespace that no wall of the network
// holds. It is asked by dry runs, so that none is ever created.
package admission

import (
	"fmt"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const suite = "admission"

// Suite is the admission suite.
type Suite struct{}

// Name is "admission".
func (Suite) Name() string { return suite }

// checks are the pods that are asked for.
var checks = []struct {
	name     string
	change   suites.Change
	severity tenancy.Severity
	promise  func(tenancy.Admission) tenancy.Promise
	field    string // of promises.admission
	remedy   string // a format, of the namespace
}{
	{
		name:     "host-network",
		change:   suites.Change{With: "hostNetwork", Patch: `{"spec":{"hostNetwork":true}}`},
		severity: tenancy.High,
		promise:  func(a tenancy.Admission) tenancy.Promise { return a.HostNetwork },
		field:    "hostNetwork",
		remedy: "label namespace %s pod-security.kubernetes.io/enforce: baseline (or restricted), or let an admission policy refuse hostNetwork there: " +
			"such a pod has its node's address, which no NetworkPolicy holds",
	},
}

// Checks are the names of the pods.
func (Suite) Checks() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Plan asks for each pod once in each namespace. A shadow of a workload would
// ask nothing else.
func (Suite) Plan(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	if !part.Rest {
		return nil
	}
	var all []suites.Attempt
	for _, tenant := range part.From {
		for _, namespace := range tenant.Namespaces {
			for _, c := range checks {
				a := suites.Attempt{
					Suite: suite, Check: c.name, From: suites.Place{Tenant: tenant.Name, Namespace: namespace},
					To: suites.Place{Tenant: suite}, Out: true, Address: suites.DryRun, Change: c.change, Placement: suites.AnyNode,
					Expect: suites.Denied, Severity: c.severity, Remedy: fmt.Sprintf(c.remedy, namespace),
				}
				switch c.promise(t.Promises.Admission) {
				case tenancy.WayDenied:
					a.Promised = true
				case tenancy.WayAllowed:
					a.Skip = "the tenancy file says that tenants may have such pods (promises.admission." + c.field + ")"
				}
				all = append(all, a)
			}
		}
	}
	return all
}
