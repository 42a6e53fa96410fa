package egress

import (
	"fmt"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// ownPort is that of the probes by which the nodes are tried.
var ownPort = tenancy.Port{Protocol: "tcp", Number: probes.PortTCP}

// nodePorts tries ports that Services have on the nodes: of a probe of the
// source's own namespace, whose wall is the likeliest to let it in where the
// way to the node is open, and of the Services that the file lists.
func (s Suite) nodePorts(p *planner, listed []tenancy.Service) {
	before := len(p.all)
	if s.NodePorts {
		p.onNodes(p.nodePort("", ownPort, 0))
	}
	for _, service := range listed {
		for _, port := range service.Ports {
			if number := service.NodePorts[port]; s.Services && number != 0 && port.Protocol == "tcp" {
				p.onNodes(p.nodePort(service.Name+"."+service.Namespace, port, number))
			}
		}
	}
	if len(p.all) > before {
		return
	}
	a := p.nodePort("", ownPort, 0)
	if a.Skip == "" {
		a.Skip = "opt-in: --targets=node-ports opens ports of the nodes for probes, and --targets=services tries those of the listed Services that have any"
	}
	p.all = append(p.all, a)
}

// nodePort is an attempt by a port of a node that leads to a Service, or, where
// it has no number yet, to a probe.
func (p *planner) nodePort(service string, port tenancy.Port, number int) suites.Attempt {
	a := suites.Attempt{
		Suite: suite, Check: checkPorts, From: p.from, To: suites.Place{Tenant: checkPorts}, Out: true, Outside: service, Do: probes.DoFirst,
		Address: suites.NodePort, Port: port, NodePort: number, Placement: suites.SameNode,
		Remedy: fmt.Sprintf("in namespace %s, deny egress to the nodes' addresses: by their ports it gets to Services whose own policies may see "+
			"a node in place of the pod", p.from.Namespace),
	}
	if number == 0 {
		a.Do = probes.DoTCP
	}
	Expect(&a, p.promises.NodePorts, tenancy.High)
	if p.promises.NodePorts == "" {
		a.Skip = "opt-in: promises.egress.nodePorts says what is promised of them"
	}
	return a
}

// onNodes adds an attempt by the source's own node, and by another.
func (p *planner) onNodes(a suites.Attempt) {
	for _, a.Placement = range []suites.Placement{suites.SameNode, suites.CrossNode} {
		p.all = append(p.all, a)
	}
}
