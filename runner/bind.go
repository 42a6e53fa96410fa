package runner

import (
	"fmt"
	"slices"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// cell is an attempt bound to the pods that make it.
type cell struct {
	attempt  suites.Attempt
	source   *pod
	target   *pod // nil for a service that is not ours
	controls []rung
	host     string // of what lies outside
	problem  string
	shots    []*shot   // one a round
	draws    [][]*shot // more of the same, a round
}

// rung is a control that a cell may rest on, and what kind it is.
type rung struct {
	kind    verdicts.Rung
	control *control
	// standsFor is the control of the same kind by name, which this one by the
	// Service's address can stand in for where the name was not resolved.
	standsFor *control
}

// control is an attempt that ought to get through: on the same target, port,
// protocol and kind of address, from the same node. Many cells share it.
type control struct {
	controlKey
	before, after []*shot // one a round
}

type controlKey struct {
	source, target *pod
	do             probes.Do
	proto          string // of the listener that answers: http, tcp or udp
	port           tenancy.Port
	address        suites.Address
	service        string // the name of a real Service, where there is no target
	lookup         suites.Lookup
}

// shot is one order that was sent, and what came of it.
type shot struct {
	order       probes.Order
	source      *pod
	target      *pod
	proto       string
	port        int
	earlier     string    // local address of an order that failed by itself
	at          time.Time // when its answer was there, at the latest
	observation *probes.Observation
	outcome     probes.Outcome
	fault       string
	arrivals    verdicts.Arrivals
}

// binder binds attempts to pods.
type binder struct {
	tenancy  *tenancy.Tenancy
	crossing func(from, to string, port tenancy.Port) bool
	places   map[string]*place
	byTenant map[string][]*place
	controls map[controlKey]*control
	nodes    *nodes
	api      string // the API server's address within the cluster; empty where it is not known
}

// bind finds for one attempt its source, its target and the controls that it
// may rest on, strongest first.
func (b *binder) bind(a suites.Attempt) *cell {
	c := &cell{attempt: a}
	if a.Skip != "" {
		return c
	}
	from := b.places[a.From.Namespace]
	if from.problem != "" {
		c.problem = from.problem
		return c
	}
	if a.Out {
		b.bindOutside(c, from)
		return c
	}
	if a.Service != "" {
		c.source = from.pods[slotTarget0]
		c.attempt.Sidecar = c.source.sidecar
		c.controls = b.admitted(c)
		b.addSourceControl(c.source)
		return c
	}
	to := b.places[a.To.Namespace]
	if to.problem != "" {
		c.problem = to.problem
		return c
	}
	c.target = to.pods[a.Target]
	c.source = b.source(a, from, c.target)
	if c.source == nil && a.Placement == suites.CrossNode && b.nodes.single() {
		c.attempt.Skip = "the cluster has one node for pods: there is nothing across nodes"
		return c
	}
	if c.source == nil {
		c.problem = fmt.Sprintf("no probe of namespace %s was placed on %s as probe %s of namespace %s, which is on %s",
			from.namespace, placementWords(a.Placement), slotNames[a.Target], to.namespace, c.target.node)
		return c
	}
	c.attempt.Sidecar = c.source.sidecar
	c.controls = b.ladder(c)
	b.addSourceControl(c.source)
	return c
}

// bindOutside binds an attempt on what is no tenant's. There is nobody to try
// it as a control, but for the source's own.
func (b *binder) bindOutside(c *cell, from *place) {
	c.source = from.pods[slotTarget0]
	c.attempt.Sidecar = c.source.sidecar
	c.host = c.attempt.Outside
	b.addSourceControl(c.source)
	switch c.attempt.Address {
	case suites.NodeIP:
		b.bindNode(c)
	case suites.APIAddress:
		c.host = b.api
		if b.api == "" {
			c.attempt.Skip = "the runner may not read Service default/kubernetes, so that it knows no address of the API server"
		}
	}
}

// bindNode finds the address of the node that stands to the source as the
// placement says.
func (b *binder) bindNode(c *cell) {
	address, ok := b.nodes.addressFrom(c.source.node, c.attempt.Placement)
	c.host = address.String()
	switch {
	case ok:
	case !b.nodes.known:
		c.attempt.Skip = "the runner may not list nodes, so that it knows no node's address"
	case c.attempt.Placement == suites.CrossNode:
		c.attempt.Skip = "the cluster has one node: there is no other"
	default:
		c.problem = fmt.Sprintf("node %s has no address", c.source.node)
	}
}

func placementWords(p suites.Placement) string {
	if p == suites.SameNode {
		return "the same node"
	}
	return "another node"
}

// source picks the pod that makes an attempt: one that stands as the placement
// says, and for choice one beside which the target's tenant has a pod to
// control it from.
func (b *binder) source(a suites.Attempt, from *place, target *pod) *pod {
	var second *pod
	for _, q := range from.pods {
		if a.Placement != suites.AnyNode && (q.node == target.node) != (a.Placement == suites.SameNode) {
			continue
		}
		if len(neighbours(target.place, target, q.node)) > 0 {
			return q
		}
		if second == nil {
			second = q
		}
	}
	return second
}

// neighbours are the pods of a place on a node, without the target: a source
// that is its own target would be answered through a hairpin.
func neighbours(p *place, target *pod, node string) []*pod {
	var found []*pod
	for _, q := range p.pods {
		if q != nil && p.problem == "" && q != target && q.node == node {
			found = append(found, q)
		}
	}
	return found
}

// ladder lists the controls of a cell, one of each kind that there is.
func (b *binder) ladder(c *cell) []rung {
	var ladder []rung
	climb := func(kind verdicts.Rung, places []*place) {
		for _, p := range places {
			if near := neighbours(p, c.target, c.source.node); len(near) > 0 {
				ladder = append(ladder, b.rungs(kind, near[0], c)...)
				return
			}
		}
	}
	own := c.target.place
	climb(verdicts.RungSameNamespace, []*place{own})
	climb(verdicts.RungSameTenant, slices.DeleteFunc(slices.Clone(b.byTenant[own.tenant]), func(p *place) bool { return p == own }))
	climb(verdicts.RungCrossing, b.crossers(c))
	if b.tenancy.Promises.WeakControls && !c.attempt.Asks() {
		ladder = append(ladder, rung{kind: verdicts.RungListener, control: b.listener(c.target, c.attempt)})
	}
	return ladder
}

// rungs are the control of a kind, and beside one by name the same by the
// address that the name stands for: a tenant whose policies keep it from the
// resolver can show its target alive by that alone.
func (b *binder) rungs(kind verdicts.Rung, source *pod, c *cell) []rung {
	byName := b.control(source, c.target, c.attempt)
	all := []rung{{kind: kind, control: byName}}
	address := c.attempt
	switch address.Address {
	case suites.ServiceName:
		address.Address = suites.ServiceIP
	case suites.Headless:
		address.Address = suites.PodIP
	default:
		return all
	}
	return append(all, rung{kind: kind, control: b.control(source, c.target, address), standsFor: byName})
}

// admitted is the control of an attempt on a real Service: the same attempt by
// somebody who may, from the same node for choice.
func (b *binder) admitted(c *cell) []rung {
	if c.attempt.Expect == suites.Allowed {
		return nil // it is its own proof
	}
	var second *pod
	for _, place := range c.attempt.Admitted {
		p := b.places[place.Namespace]
		if p == nil || p.problem != "" {
			continue
		}
		for _, q := range p.pods {
			if q.node == c.source.node {
				return []rung{{kind: verdicts.RungCrossing, control: b.serviceControl(q, c.attempt)}}
			}
			if second == nil {
				second = q
			}
		}
	}
	if second == nil {
		return nil
	}
	return []rung{{kind: verdicts.RungCrossing, control: b.serviceControl(second, c.attempt)}}
}

func (b *binder) serviceControl(source *pod, a suites.Attempt) *control {
	return b.shared(controlKey{
		source: source, do: a.Do, proto: a.Port.Protocol, port: a.Port, address: a.Address, service: a.ServiceHost(),
	})
}

// crossers are the namespaces of other tenants that may reach the cell's
// target on its port.
func (b *binder) crossers(c *cell) []*place {
	var found []*place
	for _, t := range b.tenancy.Tenants {
		if t.Name != c.attempt.To.Tenant && t.Name != c.attempt.From.Tenant &&
			b.crossing(t.Name, c.attempt.To.Tenant, c.attempt.Port) {
			found = append(found, b.byTenant[t.Name]...)
		}
	}
	return found
}

// control is the one control of its kind, made where there is none yet.
func (b *binder) control(source, target *pod, a suites.Attempt) *control {
	return b.shared(controlKey{
		source: source, target: target, do: a.Do, proto: string(a.Do), port: a.Port, address: a.Address, lookup: a.Lookup,
	})
}

// listener is the weakest control: the target's own listener, by loopback.
func (b *binder) listener(target *pod, a suites.Attempt) *control {
	return b.shared(controlKey{source: target, target: target, do: probes.DoListener, proto: string(a.Do), port: a.Port, address: suites.PodIP})
}

func (b *binder) shared(key controlKey) *control {
	c, ok := b.controls[key]
	if !ok {
		c = &control{controlKey: key}
		b.controls[key] = c
	}
	return c
}

// addSourceControl sees to it that a source tries something that it may reach:
// the other targets of its own namespace, on the ports that every target has.
func (b *binder) addSourceControl(source *pod) {
	for _, target := range source.place.pods {
		if target == source || !target.target() {
			continue
		}
		for _, own := range sourceControls {
			own.Address = suites.PodIP
			b.control(source, target, own)
		}
	}
}

var sourceControls = []suites.Attempt{
	{Do: probes.DoHTTP, Port: ownPorts[0]},
	{Do: probes.DoTCP, Port: ownPorts[1]},
	{Do: probes.DoUDP, Port: ownPorts[2]},
}
