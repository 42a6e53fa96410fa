// Package services is the suite of real workloads: the tenants' own Services
// that the tenancy file lists, tried by every other tenant. Probes carry labels
// of their own, and a policy may select only some of a tenant's pods; only the
// pods themselves show what it makes of them. A connection is opened, what
// comes by itself is awaited for a moment and not kept, and nothing is sent; a
// port that says that it speaks HTTP is asked for its head (HEAD /) too. All of
// that is done by the Service's name, and by whatever ways lead to it from
// outside the cluster.
package services

import (
	"fmt"
	"slices"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const (
	suite     = "services"
	checkTCP  = "connect"
	checkHead = "head" // a wall above the network lets connections stand
)

// Suite is the services suite.
type Suite struct {
	On  bool             // the user asked for it
	Now func() time.Time // the day that crossings are held against; nil is the clock's
}

// Name is "services".
func (Suite) Name() string { return suite }

// Checks are connect and head.
func (Suite) Checks() []string { return []string{checkTCP, checkHead} }

// Plan lists an attempt on each port of each listed Service from every
// namespace of every other tenant.
func (s Suite) Plan(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	if !part.Rest {
		return nil
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	var all []suites.Attempt
	for _, service := range t.Services {
		owner := ownerOf(t, service.Namespace)
		for _, from := range part.From {
			if from.Name == owner.Name {
				continue
			}
			for _, place := range suites.Places(from) {
				for _, port := range service.Ports {
					a := attempt(service, owner, place, port)
					s.expect(&a, service, t, now())
					all = append(all, s.spread(service, a)...)
				}
			}
		}
	}
	return all
}

// spread is an attempt, and where nothing is declared, what is tried beside it:
// what a crossing gives is the connection, by the Service's own address; the
// service may want more of who asks.
func (s Suite) spread(service tenancy.Service, a suites.Attempt) []suites.Attempt {
	all := []suites.Attempt{a}
	if a.Expect == suites.Allowed || a.Port.Protocol == "udp" || service.NoWay[a.Port] != "" {
		return all
	}
	all = append(all, doors(service, a)...)
	if slices.Contains(service.HTTP, a.Port) {
		for _, a := range all {
			if s.On && a.Skip != "" {
				continue // it has no such door, which is said once
			}
			a.Check, a.Do = checkHead, probes.DoHead
			all = append(all, a)
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

func (s Suite) expect(a *suites.Attempt, service tenancy.Service, t *tenancy.Tenancy, now time.Time) {
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
	case service.NoWay[a.Port] != "":
		a.Skip = service.NoWay[a.Port]
	}
}
