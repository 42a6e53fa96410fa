// Package egress is the suite of the ways out: from every tenant's namespaces
// to the internet, to resolvers outside, to the cloud's metadata service, to
// the cluster's own API server and to the kubelets. Nothing is sent but what
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
	checkDNS      = "resolver"     // a DNS server outside, by UDP and TCP
	checkExfil    = "exfiltration" // a name of a zone outside, by the cluster's own resolver
	checkMetadata = "metadata"
	checkAPI      = "kube-api"
	checkKubelet  = "kubelet"
)

// Suite is the egress suite.
type Suite struct{}

// Name is "egress".
func (Suite) Name() string { return suite }

// Checks are the ways out.
func (Suite) Checks() []string {
	return []string{checkInternet, checkAllowed, checkDNS, checkExfil, checkMetadata, checkAPI, checkKubelet}
}

// What stands for the internet where the tenancy file names nothing: resolvers
// that anybody may use, which also take connections on port 443 (1.1.1.1 and
// 8.8.8.8), and a name reserved for examples (RFC 2606).
var (
	internetHosts = []tenancy.Endpoint{{Host: "1.1.1.1", Port: 443}, {Host: "8.8.8.8", Port: 443}, {Host: "example.com", Port: 443}}
	resolvers     = []string{"8.8.8.8"}
)

// metadata is the address at which the clouds serve their instances' metadata,
// and its IPv6 form.
var metadata = []tenancy.Endpoint{{Host: "169.254.169.254", Port: 80}, {Host: "fd00:ec2::254", Port: 80}}

// kubelets listen on these ports; the second is the one without authentication
// that has been off by default for long.
var kubeletPorts = []int{10250, 10255}

// Plan lists the ways out of every namespace.
func (Suite) Plan(t *tenancy.Tenancy) []suites.Attempt {
	var all []suites.Attempt
	for _, tenant := range t.Tenants {
		for _, ns := range tenant.Namespaces {
			p := planner{promises: t.Promises.Egress, from: suites.Place{Tenant: tenant.Name, Namespace: ns}}
			p.internet()
			p.resolvers()
			p.exfiltration()
			p.metadata()
			p.cluster()
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

// expect sets what was promised of a way, and how bad it is where nothing was.
func expect(a *suites.Attempt, promise tenancy.Promise, unpromised tenancy.Severity) {
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
	expect(&a, promise, unpromised)
	p.all = append(p.all, a)
	return &p.all[len(p.all)-1]
}

func (p *planner) internet() {
	remedy := fmt.Sprintf("in namespace %s, let a NetworkPolicy that selects every pod allow egress to its own tenant, to the resolver "+
		"and to the hosts that it needs only", p.from.Namespace)
	hosts := p.promises.InternetHosts
	if len(hosts) == 0 {
		hosts = internetHosts
	}
	for _, h := range hosts {
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
				a.Check = checkDNS + "-tcp"
			}
		}
	}
}

// exfiltration asks the cluster's resolver for a name that only a server
// outside knows: what is in the name leaves the cluster with the question.
func (p *planner) exfiltration() {
	a := p.add(checkExfil, "internet", tenancy.Endpoint{Host: p.promises.CanaryZone, Port: probes.PortDNS}, p.promises.Internet, tenancy.Low,
		"let the cluster's resolver forward only the zones that tenants need, or have it log and limit what they ask")
	a.Do, a.Port.Protocol, a.Address = probes.DoDNS, "udp", suites.Resolver
	a.Lookup = suites.Lookup{Of: suites.CanaryRecord, Type: "A", Over: "udp"}
	if p.promises.CanaryZone == "" {
		a.Skip = "opt-in: promises.egress.canaryZone names a zone outside that answers for every name"
	}
}

func (p *planner) metadata() {
	for _, h := range metadata {
		a := p.add(checkMetadata, "metadata", h, p.promises.Metadata, tenancy.High,
			fmt.Sprintf("in namespace %s, let a NetworkPolicy deny egress to %s, and have the cloud answer pods only with their own identity", p.from.Namespace, h.Host))
		if p.promises.Metadata == "" {
			a.Skip = "opt-in: promises.egress.metadata says what is promised of it"
		}
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
