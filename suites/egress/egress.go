// Package egress is the suite of the ways out: from every tenant's namespaces
// to the internet, to resolvers outside, to the cloud's metadata service, to
// the cluster's own API server, to the kubelets and to the ports that Services
// open on the nodes. Nothing is sent but what
// opens a connection, and questions for names; nothing that comes back is kept.
package egress

import (
	"fmt"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const suite = "egress"

// The checks, each with what it tries.
const (
	checkInternet = "internet" // TCP to hosts that stand for the internet
	checkAllowed  = "allowed-host"
	checkDNS      = "resolver" // a DNS server outside, by UDP and TCP
	checkDNSTCP   = "resolver-tcp"
	checkDoH      = "resolver-doh"
	checkExfil    = "exfiltration" // a name of a zone outside, by the cluster's own resolver
	checkMetadata = "metadata"
	checkSpelled  = "metadata-spelled" // the same address as no filter of names knows it
	checkAPI      = "kube-api"
	checkKubelet  = "kubelet"
	checkPorts    = "node-ports" // that Services open on the nodes
)

// Suite is the egress suite. Of the ports that Services open on the nodes it
// tries those that the run opens, and those of the listed Services, where each
// was asked for.
type Suite struct {
	NodePorts, Services bool
}

// Name is "egress".
func (Suite) Name() string { return suite }

// Checks are the ways out.
func (Suite) Checks() []string {
	return append([]string{checkInternet, checkAllowed, checkDNS, checkDNSTCP, checkDoH, checkExfil, checkMetadata, checkSpelled, checkAPI, checkKubelet, checkPorts}, witnessChecks...)
}

// What stands for the internet where the tenancy file names nothing: resolvers
// that anybody may use, which also take connections on port 443 (1.1.1.1 and
// 8.8.8.8), and a name reserved for examples (RFC 2606).
var (
	internetHosts = []tenancy.Endpoint{{Host: "1.1.1.1", Port: 443}, {Host: "8.8.8.8", Port: 443}, {Host: "example.com", Port: 443}}
	resolvers     = []string{"8.8.8.8"}
)

// metadata is the address at which the clouds serve their instances' metadata,
// its IPv6 form, and its name.
var metadata = []tenancy.Endpoint{{Host: "169.254.169.254", Port: 80}, {Host: "fd00:ec2::254", Port: 80}, {Host: "metadata.google.internal", Port: 80}}

// spelled are other ways to write that address, which HTTP clients take: as one
// number, decimal, hexadecimal or octal, by bytes that are octal or
// hexadecimal, with fewer parts, and as an IPv6 address that stands for it.
var spelled = []string{
	"2852039166", "0xa9fea9fe", "025177524776", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.254.43518", "::ffff:169.254.169.254",
}

// kubelets listen on these ports; the second is the one without authentication
// that has been off by default for long.
var kubeletPorts = []int{10250, 10255}

// Plan lists the ways out of every namespace.
func (s Suite) Plan(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	if !part.Rest {
		return nil
	}
	var all []suites.Attempt
	for _, tenant := range part.From {
		for _, from := range suites.Places(tenant) {
			p := planner{promises: t.Promises.Egress, from: from}
			p.internet()
			p.resolvers()
			p.doh()
			p.exfiltration()
			p.witness()
			p.metadata()
			p.cluster()
			s.nodePorts(&p, t.Services)
			all = append(all, p.all...)
		}
	}
	return all
}

type planner struct {
	promises tenancy.Egress
	from     suites.Place
	all      []suites.Attempt
}

// Expect sets what was promised of a way, and how bad it is where nothing was.
func Expect(a *suites.Attempt, promise tenancy.Promise, unpromised tenancy.Severity) {
	a.Expect, a.Severity = suites.Denied, tenancy.High
	switch promise {
	case tenancy.WayAllowed:
		a.Expect, a.Reason = suites.Allowed, "promises.egress"
	case "":
		a.Severity = unpromised
	}
}

func (p *planner) add(check, to string, host tenancy.Endpoint, promise tenancy.Promise, unpromised tenancy.Severity, remedy string) *suites.Attempt {
	a := suites.Attempt{
		Suite: suite, Check: check, From: p.from, To: suites.Place{Tenant: to}, Out: true, Outside: host.Host, Do: probes.DoConnect,
		Address: suites.ByAddress, Port: tenancy.Port{Protocol: "tcp", Number: host.Port}, Placement: suites.AnyNode, Remedy: remedy,
	}
	if host.Host != "" && host.ByName() {
		a.Address = suites.ByName
	}
	Expect(&a, promise, unpromised)
	p.all = append(p.all, a)
	return &p.all[len(p.all)-1]
}

// Hosts are what stands for the internet.
func Hosts(promises tenancy.Egress) []tenancy.Endpoint {
	if len(promises.InternetHosts) > 0 {
		return promises.InternetHosts
	}
	return internetHosts
}

func (p *planner) internet() {
	remedy := fmt.Sprintf("in namespace %s, let a NetworkPolicy that selects every pod allow egress to its own tenant, to the resolver "+
		"and to the hosts that it needs only", p.from.Namespace)
	for _, h := range Hosts(p.promises) {
		p.add(checkInternet, "internet", h, p.promises.Internet, tenancy.Low, remedy)
	}
	for _, h := range p.promises.AllowedHosts {
		p.add(checkAllowed, "internet", h, tenancy.WayAllowed, tenancy.Low, "allow egress to "+h.String()+", or take it off promises.egress.allowedHosts")
	}
}

// resolvers asks servers outside for a name that everybody has, past the
// cluster's own resolver. Whatever they answer, they were reached.
func (p *planner) resolvers() {
	servers := p.promises.Resolvers
	if len(servers) == 0 {
		servers = resolvers
	}
	for _, s := range servers {
		for _, over := range []string{"udp", "tcp"} {
			a := p.add(checkDNS, "internet", tenancy.Endpoint{Host: s, Port: probes.PortDNS}, p.promises.Internet, tenancy.Low,
				fmt.Sprintf("in namespace %s, allow egress to port 53 of the cluster's own resolver only", p.from.Namespace))
			a.Do, a.Port.Protocol = probes.DoDNS, over
			a.Lookup = suites.Lookup{Of: suites.OutsideRecord, Type: "A", Over: over}
			if over == "tcp" {
				a.Check = checkDNSTCP
			}
		}
	}
}

// doh asks by HTTPS, which looks like any other way to the web: by address only,
// since a name would be asked of the resolver that is to be gone round.
func (p *planner) doh() {
	ask := func(server string) *suites.Attempt {
		a := p.add(checkDoH, "internet", tenancy.Endpoint{Host: server, Port: probes.PortDoH}, p.promises.Internet, tenancy.Low,
			fmt.Sprintf("in namespace %s, allow egress by HTTPS to the hosts that it needs only: DNS over HTTPS looks like any other page", p.from.Namespace))
		a.Do, a.Address = probes.DoDNS, suites.ByAddress
		a.Lookup = suites.Lookup{Of: suites.OutsideRecord, Type: "A", Over: probes.OverHTTPS}
		return a
	}
	for _, s := range p.promises.DoHResolvers {
		ask(s)
	}
	if len(p.promises.DoHResolvers) == 0 {
		ask("").Skip = "opt-in: promises.egress.dohResolvers names servers of DNS over HTTPS"
	}
}

const exfiltrationRemedy = "let the cluster's resolver forward only the zones that tenants need, or have it log and limit what they ask"

// exfiltration asks the cluster's resolver for a name that only a server
// outside knows: what is in the name leaves the cluster with the question.
func (p *planner) exfiltration() {
	a := p.add(checkExfil, "internet", tenancy.Endpoint{Host: p.promises.CanaryZone, Port: probes.PortDNS}, p.promises.Internet, tenancy.Low,
		exfiltrationRemedy)
	a.Do, a.Port.Protocol, a.Address = probes.DoDNS, "udp", suites.Resolver
	a.Lookup = suites.Lookup{Of: suites.CanaryRecord, Type: "A", Over: "udp"}
	if p.promises.CanaryZone == "" {
		a.Skip = "opt-in: promises.egress.canaryZone names a zone outside that answers for every name"
	}
}

func (p *planner) metadata() {
	add := func(check string, h tenancy.Endpoint, remedy string) *suites.Attempt {
		a := p.add(check, "metadata", h, p.promises.Metadata, tenancy.High, fmt.Sprintf("in namespace %s, ", p.from.Namespace)+remedy)
		switch {
		case p.promises.Metadata == "":
			a.Skip = "opt-in: promises.egress.metadata says what is promised of it"
		case a.Expect == suites.Allowed && h != metadata[0]:
			a.Skip = "the metadata service is allowed, and what has to work is its plain address"
		}
		return a
	}
	for _, h := range metadata {
		add(checkMetadata, h, fmt.Sprintf("let a NetworkPolicy deny egress to %s, and have the cloud answer pods only with their own identity", h.Host))
	}
	for _, host := range spelled {
		a := add(checkSpelled, tenancy.Endpoint{Host: host, Port: 80},
			"let a NetworkPolicy deny egress to 169.254.169.254: a proxy that compares names knows only the spellings that it was told")
		a.Do, a.Address = probes.DoHead, suites.ByAddress
	}
}

func (p *planner) cluster() {
	remedy := fmt.Sprintf("in namespace %s, deny egress to the API server to all pods but those that use it", p.from.Namespace)
	p.add(checkAPI, "kube-api", tenancy.Endpoint{Host: "kubernetes.default.svc", Port: 443}, p.promises.KubeAPI, tenancy.Info, remedy)
	byAddress := p.add(checkAPI, "kube-api", tenancy.Endpoint{Port: 443}, p.promises.KubeAPI, tenancy.Info, remedy)
	byAddress.Address = suites.APIAddress
	for _, port := range kubeletPorts {
		for _, placement := range []suites.Placement{suites.SameNode, suites.CrossNode} {
			a := p.add(checkKubelet, "kubelet", tenancy.Endpoint{Port: port}, p.promises.Kubelet, tenancy.High,
				fmt.Sprintf("in namespace %s, deny egress to the nodes' addresses: the kubelet's API runs commands in every tenant's pods", p.from.Namespace))
			a.Placement, a.Address = placement, suites.NodeIP
		}
	}
}
