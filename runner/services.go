package runner

import (
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// bindService binds an attempt on a real Service. Whoever of its owner's may
// reach it the same way shows it alive.
func (b *binder) bindService(c *cell, from *place) {
	c.source = from.pods[slotTarget0]
	c.attempt.Sidecar = c.source.sidecar
	switch {
	case lacksFamily(c.source, c.attempt.Outside):
		c.attempt.Skip = noIPv6
	case c.attempt.Address.ByNode():
		b.bindNode(c)
	}
	if c.problem != "" || c.attempt.Skip != "" {
		return
	}
	c.controls = b.admitted(c)
	b.addSourceControl(c.source, suites.PodIP)
}

// serviceHost is where a source finds a real Service: by a port of a node, on
// the one that stands to its own as the placement says.
func (n *nodes) serviceHost(a *suites.Attempt, source *pod) (host string, ok bool) {
	if !a.Address.ByNode() {
		return a.ServiceHost(), true
	}
	_, ip, ok := n.standing(source.node, a.Placement)
	return ip.String(), ok
}

// admitted is the control of an attempt on a real Service: the same attempt by
// somebody who may, from the same node for choice.
func (b *binder) admitted(c *cell) []rung {
	if c.attempt.Expect == suites.Allowed {
		return nil // it is its own proof
	}
	var second *pod
	for _, place := range c.attempt.Admitted {
		p := b.places[place.Where()]
		if p == nil || p.problem != "" {
			continue
		}
		for _, q := range p.pods {
			if q.node == c.source.node {
				return []rung{{kind: ownRung(c.attempt, q), control: b.serviceControl(q, c.attempt)}}
			}
			if second == nil {
				second = q
			}
		}
	}
	if second == nil {
		return nil
	}
	return []rung{{kind: ownRung(c.attempt, second), control: b.serviceControl(second, c.attempt)}}
}

// ownRung is what stands for a real Service: a pod of its own tenant, or of one
// that may use what is nobody's own.
func ownRung(a *suites.Attempt, q *pod) verdicts.Rung {
	switch {
	case q.place.tenant != a.To.Tenant:
		return verdicts.RungCrossing
	case q.place.namespace != a.To.Namespace:
		return verdicts.RungSameTenant
	}
	return verdicts.RungSameNamespace
}

func (b *binder) serviceControl(source *pod, a *suites.Attempt) *control {
	host, _ := b.nodes.serviceHost(a, source)
	return b.shared(controlKey{
		source: source, do: a.Do, proto: a.Port.Protocol, port: a.Port, address: a.Address, service: host, nodePort: a.NodePort,
	})
}
