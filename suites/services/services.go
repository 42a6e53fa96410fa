// Package services is the suite of real workloads: the tenants' own Services
// that the tenancy file lists, tried by every other tenant. Probes carry labels
// of their own, and a policy may select only some of a tenant's pods; only the
// pods themselves show what it makes of them. A connection is opened, at most
// one byte is awaited and none is kept, and nothing is sent.
package services

import (
	"fmt"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const (
	suite    = "services"
	checkTCP = "connect"
)

// Suite is the services suite.
type Suite struct {
	On  bool             // the user asked for it
	Now func() time.Time // the day that crossings are held against; nil is the clock's
}

// Name is "services".
func (Suite) Name() string { return suite }

// Checks are connect alone.
func (Suite) Checks() []string { return []string{checkTCP} }

// Plan lists an attempt on each port of each listed Service from every
// namespace of every other tenant.
func (s Suite) Plan(t *tenancy.Tenancy) []suites.Attempt {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	var all []suites.Attempt
	for _, service := range t.Services {
		owner := ownerOf(t, service.Namespace)
		for _, from := range t.Tenants {
			if from.Name == owner.Name {
				continue
			}
			for _, ns := range from.Namespaces {
				for _, port := range service.Ports {
					a := attempt(service, owner, suites.Place{Tenant: from.Name, Namespace: ns}, port)
					s.expect(&a, t, now())
					all = append(all, a)
				}
			}
		}
	}
	return all
}

func ownerOf(t *tenancy.Tenancy, namespace string) tenancy.Tenant {
	for _, tenant := range t.Tenants {
		for _, ns := range tenant.Namespaces {
			if ns == namespace {
				return tenant
			}
		}
	}
	return tenancy.Tenant{}
}

func attempt(s tenancy.Service, owner tenancy.Tenant, from suites.Place, port tenancy.Port) suites.Attempt {
	a := suites.Attempt{
		Suite: suite, Check: checkTCP, Do: probes.DoFirst, From: from, To: suites.Place{Tenant: owner.Name, Namespace: s.Namespace},
		Service: s.Name, Address: suites.ServiceName, Port: port, Placement: suites.AnyNode,
		Expect: suites.Denied, Severity: tenancy.High,
		Remedy: fmt.Sprintf("in namespace %s, let a NetworkPolicy that selects the pods behind Service %s admit its own tenant only", s.Namespace, s.Name),
	}
	for _, ns := range owner.Namespaces {
		a.Admitted = append(a.Admitted, suites.Place{Tenant: owner.Name, Namespace: ns})
	}
	return a
}

func (s Suite) expect(a *suites.Attempt, t *tenancy.Tenancy, now time.Time) {
	if c, ok := t.Crosses(a.From.Tenant, a.To.Tenant, a.Port, now); ok {
		a.Expect, a.Reason = suites.Allowed, c.Reason
		a.Remedy = fmt.Sprintf("allow %s to Service %s of namespace %s on %s, or take the crossing out of the tenancy file",
			a.From.Tenant, a.Service, a.To.Namespace, a.Port)
	}
	switch {
	case a.Port.Protocol == "udp":
		a.Skip = "a UDP service that is not a probe answers only its own protocol; nothing that could be sent to it would prove anything"
	case !s.On:
		a.Skip = "opt-in: --targets=services tries real Services"
	}
}
