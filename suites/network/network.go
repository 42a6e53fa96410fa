// Package network is the suite that tries the wall itself: every namespace of
// every tenant against the targets in every namespace of every other, by
// HTTP, TCP, UDP and the like, and by ICMP echo and SCTP, by each of their addresses, on
// the same node and across nodes.
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
	checkICMP   = "icmp"
	checkSCTP   = "sctp" // where the kernels have it
)

// Suite is the network suite. Now tells the day that crossings are held
// against; nil is the clock's. NodePorts tries targets by ports of the nodes
// too, which everybody who reaches a node can use while the run lasts.
type Suite struct {
	Now       func() time.Time
	NodePorts bool
}

// Name is "network".
func (Suite) Name() string { return suite }

// Checks are what is spoken: http, tcp, udp, banner, tls, h2c, icmp and sctp.
func (Suite) Checks() []string {
	return []string{checkHTTP, checkTCP, checkUDP, checkBanner, checkTLS, checkH2C, checkICMP, checkSCTP}
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
func (s Suite) Plan(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	var all []suites.Attempt
	for _, from := range part.From {
		for _, to := range part.To {
			if from.Name != to.Name {
				all = s.planPair(all, t, from, to, now())
			}
		}
		if part.Rest {
			all = append(all, planShared(t, from)...)
		}
	}
	return all
}

// own are the probe's ports, of which a tenant's policies know nothing.
var own = []tenancy.Port{
	{Protocol: "tcp", Number: probes.PortHTTP},
	{Protocol: "tcp", Number: probes.PortTCP},
	{Protocol: "udp", Number: probes.PortUDP},
}

// byNode are those that are tried by ports of the nodes: one of each transport,
// so that no more are opened than it takes.
var byNode = []tenancy.Port{
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
func Ports(t *tenancy.Tenancy, tenant tenancy.Tenant) []tenancy.Port {
	ports := slices.Concat(own, spoken)
	add := func(more []tenancy.Port) {
		for _, p := range more {
			if !slices.Contains(ports, p) {
				ports = append(ports, p)
			}
		}
	}
	for _, c := range t.Crossings {
		if c.To == tenant.Name || c.To == "*" {
			add(c.Ports)
		}
	}
	add(tenant.Ports)
	for _, s := range tenant.Shadows {
		add(s.PortNames.Ports())
	}
	return ports
}

// planPair adds the attempts of one pair, to one slice for all, since there are
// many and large.
func (s Suite) planPair(all []suites.Attempt, t *tenancy.Tenancy, from, to tenancy.Tenant, now time.Time) []suites.Attempt {
	ports := Ports(t, to)
	for _, source := range suites.Places(from) {
		for _, target := range suites.Places(to) {
			for _, port := range ports {
				a := suites.Attempt{
					Suite: suite,
					From:  source,
					To:    target,
					Port:  port, PortName: to.PortName(target.Namespace, target.Workload, port),
				}
				a.Check, a.Do = kind(port)
				expect(&a, t, now)
				all = s.spread(all, a, t.DualStack)
			}
			all = pings(all, source, target, t.DualStack)
			all = onCells(all, stream(source, target))
		}
	}
	return all
}

// spread adds the attempts of one port: by each address, on each cell. What
// differs by address is the way to the pod; policies hold against its port, so
// that all but the plainest are tried by two. Of the other family they may hold
// against other ports than of the first; what a crossing gives, it gives by one
// of them at least.
func (s Suite) spread(all []suites.Attempt, a suites.Attempt, dualStack bool) []suites.Attempt {
	addresses := suites.Addresses
	if !slices.Contains(own, a.Port) {
		addresses = []suites.Address{suites.ServiceName, suites.PodIP}
	}
	if dualStack && a.Expect == suites.Denied && !slices.Contains(spoken, a.Port) {
		addresses = append(slices.Clone(addresses), suites.PodIP2)
	}
	for _, a.Address = range addresses {
		all = onCells(all, withFamily(a))
	}
	// What a crossing gives, it gives from pod to pod.
	if s.NodePorts && a.Expect == suites.Denied && slices.Contains(byNode, a.Port) {
		a.Remedy = fmt.Sprintf("behind a node's port a policy may see the node in place of the pod that asks: refuse Services that open one "+
			"in namespace %s (a ResourceQuota with services.nodeports: 0), or keep %s's pods from the nodes' ports by an egress policy", a.To.Namespace, a.From.Tenant)
		for _, a.Address = range suites.NodePorts {
			all = onCells(all, a)
		}
	}
	return all
}

// withFamily says of an attempt by the second address what may be peculiar to it.
func withFamily(a suites.Attempt) suites.Attempt {
	if a.Address == suites.PodIP2 {
		a.Remedy += "; where the first address is closed already, look for what names IPv6 alone (an ipBlock such as ::/0), " +
			"and for a network plugin that holds policies against one family"
	}
	return a
}

// onCells adds an attempt on each target from wherever it is to be made.
func onCells(all []suites.Attempt, a suites.Attempt) []suites.Attempt {
	for _, c := range cells {
		a.Target, a.Placement = c.target, c.placement
		all = append(all, a)
	}
	return all
}

// pings adds echo requests to each address of a pod.
func pings(all []suites.Attempt, from, to suites.Place, dualStack bool) []suites.Attempt {
	a := ping(from, to)
	all = onCells(all, a)
	if dualStack {
		a.Address = suites.PodIP2
		all = onCells(all, withFamily(a))
	}
	return all
}

// ping is an echo request. An answer tells no more than that a pod is there and
// how far away; still the wall that lets it through lets packets through.
func ping(from, to suites.Place) suites.Attempt {
	return suites.Attempt{
		Suite: suite, Check: checkICMP, Do: probes.DoICMP, Address: suites.PodIP, Port: tenancy.Port{Protocol: checkICMP},
		From: from, To: to,
		Expect: suites.Denied, Severity: tenancy.Low,
		Remedy: fmt.Sprintf("in namespace %s, let a NetworkPolicy that selects every pod (podSelector: {}) allow ingress from its own tenant's "+
			"namespaces only; where one does, the network plugin holds ICMP to another rule", to.Namespace) + shadowRemedy(to),
	}
}

// stream is a connection by SCTP, which a policy names as a protocol of its own.
// A way that no other protocol has is seen on any one port and address.
func stream(from, to suites.Place) suites.Attempt {
	a := suites.Attempt{
		Suite: suite, Check: checkSCTP, Do: probes.DoSCTP, Address: suites.PodIP,
		Port: tenancy.Port{Protocol: checkSCTP, Number: probes.PortSCTP},
		From: from, To: to,
	}
	deny(&a)
	return a
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
	deny(a)
}

// deny is what holds where nothing was declared.
func deny(a *suites.Attempt) {
	a.Expect, a.Severity = suites.Denied, tenancy.High
	a.Remedy = fmt.Sprintf("in namespace %s, let a NetworkPolicy that selects every pod (podSelector: {}) allow %s ingress "+
		"on port %d from its own tenant's namespaces only", a.To.Namespace, strings.ToUpper(a.Port.Protocol), a.Port.Number)
	a.Remedy += shadowRemedy(a.To)
}

// shadowRemedy is what closes a wall around a shadow beside what closes its
// namespace's.
func shadowRemedy(to suites.Place) string {
	if to.Workload == "" {
		return ""
	}
	return "; and take what admits others out of the policies that select the labels of " + to.Workload +
		", since one policy takes nothing back that another gives"
}

// planShared lists a tenant's attempts on the shared services. They are real
// services: a connection is opened and closed, nothing is sent.
func planShared(t *tenancy.Tenancy, from tenancy.Tenant) []suites.Attempt {
	var all []suites.Attempt
	for _, s := range t.Shared {
		for _, place := range suites.Places(from) {
			if place.Namespace == s.Namespace {
				continue
			}
			for _, port := range s.Ports {
				all = append(all, sharedAttempt(t, s, place, port))
			}
		}
	}
	return all
}

func sharedAttempt(t *tenancy.Tenancy, s tenancy.Shared, from suites.Place, port tenancy.Port) suites.Attempt {
	a := suites.Attempt{
		Suite: suite, Check: checkTCP, Do: probes.DoConnect,
		From:    from,
		To:      suites.Place{Tenant: s.Name, Namespace: s.Namespace},
		Service: s.Service, Address: suites.ServiceName, Port: port, Placement: suites.AnyNode,
		Expect: suites.Denied, Severity: tenancy.High,
		Remedy: fmt.Sprintf("let a NetworkPolicy in namespace %s admit only the tenants that the file lists for %s", s.Namespace, s.Name),
	}
	if s.Admits(from.Tenant) {
		a.Expect, a.Reason = suites.Allowed, "shared service "+s.Name
		a.Remedy = fmt.Sprintf("allow %s into namespace %s on %s, or take it off the tenants of shared service %s",
			from.Tenant, s.Namespace, port, s.Name)
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
