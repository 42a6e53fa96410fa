// Package network is the suite that tries the wall itself: every namespace of
// every tenant against the targets in every namespace of every other, by
// HTTP, TCP and UDP, by Service name and by pod address, on the same node and
// across nodes.
package network

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const (
	suite     = "network"
	checkHTTP = "http"
	checkTCP  = "tcp"
	checkUDP  = "udp"
	// The server speaks first, so that a wall which looks at what the client
	// sends comes too late.
	checkBanner = "banner"
	checkTLS    = "tls" // HTTP within it
	checkH2C    = "h2c" // HTTP/2 without it, which gRPC is
)

// Suite is the network suite. Now tells the day that crossings are held
// against; nil is the clock's.
type Suite struct {
	Now func() time.Time
}

// Name is "network".
func (Suite) Name() string { return suite }

// Checks are what is spoken: http, tcp, udp, banner, tls and h2c.
func (Suite) Checks() []string {
	return []string{checkHTTP, checkTCP, checkUDP, checkBanner, checkTLS, checkH2C}
}

// cells are the targets of a namespace and where their sources stand. The
// first target has a source-only pod beside it, so that a control from the
// source's own node exists that is not the target itself; beside the second
// there is none, so it is tried across nodes only.
var cells = []struct {
	target    int
	placement suites.Placement
}{
	{0, suites.SameNode},
	{0, suites.CrossNode},
	{1, suites.CrossNode},
}

// Plan lists the attempts between all ordered pairs, then those on shared
// services.
func (s Suite) Plan(t *tenancy.Tenancy) []suites.Attempt {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	var all []suites.Attempt
	for _, from := range t.Tenants {
		for _, to := range t.Tenants {
			if from.Name != to.Name {
				all = append(all, planPair(t, from, to, now())...)
			}
		}
		all = append(all, planShared(t, from)...)
	}
	return all
}

// own are the probe's ports, of which a tenant's policies know nothing.
var own = []tenancy.Port{
	{Protocol: "tcp", Number: probes.PortHTTP},
	{Protocol: "tcp", Number: probes.PortTCP},
	{Protocol: "udp", Number: probes.PortUDP},
}

// spoken are the probe's ports for what walls above the network look at.
var spoken = []tenancy.Port{
	{Protocol: "tcp", Number: probes.PortBanner},
	{Protocol: "tcp", Number: probes.PortTLS},
	{Protocol: "tcp", Number: probes.PortH2C},
}

// Ports are what the targets of a tenant listen on: the probe's own ports,
// those of the crossings that lead to the tenant, since a port that the file
// names is one that can be declared open to the wrong tenant, and those that
// the tenant's own objects name, which a policy may open to everybody.
func Ports(t *tenancy.Tenancy, tenant tenancy.Tenant) []tenancy.NamedPort {
	var ports []tenancy.NamedPort
	add := func(p tenancy.NamedPort) {
		i := slices.IndexFunc(ports, func(q tenancy.NamedPort) bool { return q.Port == p.Port })
		switch {
		case i < 0:
			ports = append(ports, p)
		case ports[i].Name == "":
			ports[i].Name = p.Name
		}
	}
	for _, p := range slices.Concat(own, spoken) {
		add(tenancy.NamedPort{Port: p})
	}
	for _, c := range t.Crossings {
		if c.To != tenant.Name && c.To != "*" {
			continue
		}
		for _, p := range c.Ports {
			add(tenancy.NamedPort{Port: p})
		}
	}
	for _, p := range tenant.Ports {
		add(p)
	}
	return ports
}

func planPair(t *tenancy.Tenancy, from, to tenancy.Tenant, now time.Time) []suites.Attempt {
	var all []suites.Attempt
	ports := Ports(t, to)
	for _, fromNS := range from.Namespaces {
		for _, toNS := range to.Namespaces {
			for _, port := range ports {
				a := suites.Attempt{
					Suite: suite,
					From:  suites.Place{Tenant: from.Name, Namespace: fromNS},
					To:    suites.Place{Tenant: to.Name, Namespace: toNS},
					Port:  port.Port, PortName: port.Name,
				}
				a.Check, a.Do = kind(port.Port)
				expect(&a, t, now)
				all = append(all, spread(a)...)
			}
		}
	}
	return all
}

// spread makes the attempts of one port: by each address, on each cell. What
// differs by address is the way to the pod; policies hold against its port, so
// that all but the plainest are tried by two.
func spread(a suites.Attempt) []suites.Attempt {
	addresses := suites.Addresses
	if !slices.Contains(own, a.Port) {
		addresses = []suites.Address{suites.ServiceName, suites.PodIP}
	}
	var all []suites.Attempt
	for _, a.Address = range addresses {
		for _, c := range cells {
			a.Target, a.Placement = c.target, c.placement
			all = append(all, a)
		}
	}
	return all
}

func kind(p tenancy.Port) (string, probes.Do) {
	switch {
	case p.Protocol == "udp":
		return checkUDP, probes.DoUDP
	case p.Number == probes.PortHTTP:
		return checkHTTP, probes.DoHTTP
	case p.Number == probes.PortBanner:
		return checkBanner, probes.DoBanner
	case p.Number == probes.PortTLS:
		return checkTLS, probes.DoTLS
	case p.Number == probes.PortH2C:
		return checkH2C, probes.DoH2C
	default:
		return checkTCP, probes.DoTCP
	}
}

func expect(a *suites.Attempt, t *tenancy.Tenancy, now time.Time) {
	if c, ok := t.Crosses(a.From.Tenant, a.To.Tenant, a.Port, now); ok {
		a.Expect, a.Severity, a.Reason = suites.Allowed, tenancy.High, c.Reason
		a.Remedy = fmt.Sprintf("allow %s into namespace %s on %s, or take the crossing out of the tenancy file",
			a.From.Tenant, a.To.Namespace, a.Port)
		return
	}
	a.Expect, a.Severity = suites.Denied, tenancy.High
	a.Remedy = fmt.Sprintf("in namespace %s, let a NetworkPolicy that selects every pod (podSelector: {}) allow %s ingress "+
		"on port %d from its own tenant's namespaces only", a.To.Namespace, strings.ToUpper(a.Port.Protocol), a.Port.Number)
}

// planShared lists a tenant's attempts on the shared services. They are real
// services: a connection is opened and closed, nothing is sent.
func planShared(t *tenancy.Tenancy, from tenancy.Tenant) []suites.Attempt {
	var all []suites.Attempt
	for _, s := range t.Shared {
		for _, ns := range from.Namespaces {
			if ns == s.Namespace {
				continue
			}
			for _, port := range s.Ports {
				all = append(all, sharedAttempt(t, s, from.Name, ns, port))
			}
		}
	}
	return all
}

func sharedAttempt(t *tenancy.Tenancy, s tenancy.Shared, tenant, ns string, port tenancy.Port) suites.Attempt {
	a := suites.Attempt{
		Suite: suite, Check: checkTCP, Do: probes.DoConnect,
		From:    suites.Place{Tenant: tenant, Namespace: ns},
		To:      suites.Place{Tenant: s.Name, Namespace: s.Namespace},
		Service: s.Service, Address: suites.ServiceName, Port: port, Placement: suites.AnyNode,
		Expect: suites.Denied, Severity: tenancy.High,
		Remedy: fmt.Sprintf("let a NetworkPolicy in namespace %s admit only the tenants that the file lists for %s", s.Namespace, s.Name),
	}
	if s.Admits(tenant) {
		a.Expect, a.Reason = suites.Allowed, "shared service "+s.Name
		a.Remedy = fmt.Sprintf("allow %s into namespace %s on %s, or take it off the tenants of shared service %s",
			tenant, s.Namespace, port, s.Name)
	}
	if a.Expect == suites.Denied {
		a.Admitted = admitted(s, t)
	}
	if port.Protocol == "udp" {
		a.Check, a.Do = checkUDP, probes.DoUDP
		a.Skip = "a UDP service that is not a probe answers only its own protocol; nothing that could be sent to it would prove anything"
	}
	return a
}

// admitted are the namespaces from which a shared service may be used.
func admitted(s tenancy.Shared, t *tenancy.Tenancy) []suites.Place {
	var places []suites.Place
	for _, tenant := range t.Tenants {
		if !s.Admits(tenant.Name) {
			continue
		}
		for _, ns := range tenant.Namespaces {
			if ns != s.Namespace {
				places = append(places, suites.Place{Tenant: tenant.Name, Namespace: ns})
			}
		}
	}
	return places
}
