package runner

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// cell is an attempt bound to the pods that make it.
type cell struct {
	attempt  *suites.Attempt // the part's own
	source   *pod
	target   *pod // nil for a service that is not ours
	controls []rung
	id       string   // of the attempt, once it is made
	host     string   // of what lies outside
	sweep    *sweep   // that it asks of a resolver; nil where it is none
	inquiry  *inquiry // that it makes of admission; nil where it is none
	problem  string
	shots    []*shot   // one a round
	among    []*shot   // of a crossing: its first tries, which alone were made among all attempts
	draws    [][]*shot // more of the same, a round
}

// tried says that there is somebody to make the attempt.
func (c *cell) tried() bool {
	return (c.source != nil || c.inquiry != nil) && c.problem == "" && c.attempt.Skip == ""
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
	before, during, after []*shot // the attempts; one a round
	// spare controls are tried in case that the others are not answered; that
	// they are not answered themselves is to be expected.
	spare bool
	// answered says that it was reached once: what it loses now may be lost on
	// the way.
	answered bool
}

type controlKey struct {
	source, target *pod
	do             probes.Do
	proto          string // of the listener that answers: http, tcp or udp
	port           tenancy.Port
	address        suites.Address
	service        string // the name or address of a real Service, where there is no target
	nodePort       int    // by which that is tried; 0 where it is not
	lookup         suites.Lookup
}

// shot is one order that was sent, and what came of it.
type shot struct {
	order       probes.Order
	source      *pod
	target      *pod
	proto       string
	port        int
	via         string    // the node by whose port the target is tried; empty where it is tried otherwise
	sweep       *sweep    // that it is a question of
	about       *pod      // whose address a reverse question is about; nil where it is none
	told        string    // the tenant that its answer told of
	anyAnswer   bool      // whatever a server says shows that it was reached
	zone        string    // of a name that the witness answers for
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
	owners   map[string]string // the tenant of each namespace
	controls map[controlKey]*control
	nodes    *nodes
	outer    outer
	witness  *tenancy.Witness
	api      string // the API server's address within the cluster; empty where it is not known
	spare    bool   // what it makes
}

// bind finds for one attempt its source, its target and the controls that it
// may rest on, strongest first.
func (b *binder) bind(a *suites.Attempt) *cell {
	c := &cell{attempt: a}
	if a.Skip != "" {
		return c
	}
	from := b.places[a.From.Where()]
	if from.absent {
		c.attempt.Skip = from.problem
		return c
	}
	if from.problem != "" {
		c.problem = from.problem
		return c
	}
	if a.Out {
		b.bindOutside(c, from)
		return c
	}
	if a.Service != "" {
		b.bindService(c, from)
		return c
	}
	to := b.places[a.To.Where()]
	if to.problem != "" {
		c.problem = to.problem
		return c
	}
	if a.Do.Inward() { // its control is in the answer
		c.source = from.pods[slotTarget0]
		c.attempt.Sidecar = c.source.sidecar
		return c
	}
	c.target = to.pods[a.Target]
	c.source = b.source(*a, from, c.target)
	if c.source == nil && a.Placement == suites.CrossNode && b.nodes.single() {
		c.attempt.Skip = "the cluster has one node for pods: there is nothing across nodes"
		return c
	}
	if c.source == nil {
		c.problem = fmt.Sprintf("no probe of namespace %s was placed on %s as probe %s of namespace %s, which is on %s",
			from.where(), placementWords(a.Placement), slotNames[a.Target], to.where(), c.target.node)
		return c
	}
	if to.proxied && !from.proxied && c.source.sidecar {
		c.problem = fmt.Sprintf("a mesh put its proxy beside the probe pod %s/%s, which asks for none", from.namespace, c.source.name)
		return c
	}
	c.attempt.Sidecar = c.source.sidecar
	if a.Do == probes.DoSCTP && c.target.noSCTP != "" {
		c.attempt.Skip = fmt.Sprintf("nothing listens for SCTP on node %s: %s", c.target.node, c.target.noSCTP)
	}
	switch {
	case a.Address.ByNode():
		b.bindNodePort(c)
	case a.Address == suites.PodIP2:
		b.bindSecond(c)
	}
	if c.problem == "" && c.attempt.Skip == "" {
		c.controls = b.ladder(c)
		b.addSourceControl(c.source, familyOf(*a))
	}
	return c
}

// bindOutside binds an attempt on what is no tenant's. There is nobody to try
// it as a control, but for the source's own.
func (b *binder) bindOutside(c *cell, from *place) {
	if c.attempt.OnOwnPort() {
		b.bindOwnPort(c, from)
		return
	}
	c.source = from.pods[slotTarget0]
	c.attempt.Sidecar = c.source.sidecar
	c.host = c.attempt.Outside
	b.addSourceControl(c.source, suites.PodIP)
	if lacksFamily(c.source, c.host) {
		c.attempt.Skip = noIPv6
		return
	}
	if c.attempt.Witnessed {
		b.bindWitness(c)
		return
	}
	if c.attempt.Sweeps() {
		b.bindSweep(c)
		return
	}
	switch c.attempt.Address {
	case suites.NodeIP, suites.NodePort:
		b.bindNode(c)
	case suites.APIAddress:
		c.host = b.api
		if b.api == "" {
			c.attempt.Skip = "the runner may not read Service default/kubernetes, so that it knows no address of the API server"
		}
	}
}

const noIPv6 = "pods of this cluster have no IPv6 address"

// lacksFamily says that a host is an address of a family that a pod has none of.
func lacksFamily(source *pod, host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().Is6() && !source.hasIPv6()
}

// bindNode finds the address of the node that stands to the source as the
// placement says.
func (b *binder) bindNode(c *cell) {
	_, address, ok := b.nodes.standing(c.source.node, c.attempt.Placement)
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
	if c.attempt.Proxy != "" { // which the proxy of another pod would keep from it
		climb(verdicts.RungSameNamespace, []*place{b.places[own.namespace]})
		return ladder
	}
	climb(verdicts.RungSameNamespace, []*place{own})
	if own.workload != "" {
		// Policies of the workload may admit the namespace's own probes, or
		// only what others of the tenant's workloads are.
		b.sparing(func() {
			for _, p := range own.siblings(b.byTenant[own.tenant]) {
				climb(verdicts.RungSameNamespace, []*place{p})
			}
		})
	}
	climb(verdicts.RungSameTenant, slices.DeleteFunc(slices.Clone(b.byTenant[own.tenant]), func(p *place) bool { return p.namespace == own.namespace }))
	climb(verdicts.RungCrossing, b.crossers(c))
	// What answers on loopback shows nothing of the second family.
	if b.tenancy.Promises.WeakControls && !c.attempt.OneSided() && c.attempt.Address != suites.PodIP2 {
		ladder = append(ladder, rung{kind: verdicts.RungListener, control: b.listener(c.target, *c.attempt)})
	}
	return ladder
}

// rungs are the control of a kind, and beside one by name the same by the
// address that the name stands for: a tenant whose policies keep it from the
// resolver can show its target alive by that alone.
func (b *binder) rungs(kind verdicts.Rung, source *pod, c *cell) []rung {
	byName := b.control(source, c.target, *c.attempt)
	all := []rung{{kind: kind, control: byName}}
	address := *c.attempt
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
		c = &control{controlKey: key, spare: true}
		b.controls[key] = c
	}
	c.spare = c.spare && b.spare
	return c
}

// sparing makes the controls of what it does spare ones, unless something else
// rests on them too.
func (b *binder) sparing(do func()) {
	b.spare = true
	do()
	b.spare = false
}

// addSourceControl sees to it that a source tries something that it may reach,
// by addresses of the same family: the other targets of its own namespace, on
// the ports that every target has.
func (b *binder) addSourceControl(source *pod, family suites.Address) {
	beside := []*place{source.place}
	if source.place.proxied {
		family = suites.ServiceName // by which a mesh knows whom to show an identity to
		// Policies of the mesh may keep even its own probes with proxies from each other.
		beside = append(beside, b.places[source.place.namespace])
	}
	for _, p := range beside {
		for _, target := range p.pods {
			if target == nil || target == source || !target.target() || p.problem != "" {
				continue
			}
			for _, own := range sourceControls {
				own.Address = family
				b.control(source, target, own)
			}
		}
	}
	if source.place.workload != "" {
		b.sparing(func() { b.addShadowControl(source, family) })
	}
}

// addShadowControl has a shadow try all that its tenant has, on every port that
// the tenant uses: a workload's policies may leave it one way out alone.
func (b *binder) addShadowControl(source *pod, family suites.Address) {
	for _, p := range b.byTenant[source.place.tenant] {
		if p.problem != "" {
			continue
		}
		for _, port := range p.ports {
			if slices.Contains(ownPorts[len(sourceControls):], port) {
				continue // it stands for what is spoken, not for a way
			}
			a := suites.Attempt{Do: plainly(port), Port: port, Address: family}
			target := p.pods[slotTarget0]
			if target == source {
				target = p.pods[slotTarget1]
			}
			b.control(source, target, a)
		}
	}
}

// plainly is what is sent to a port where nothing is to be shown but the way.
func plainly(port tenancy.Port) probes.Do {
	switch {
	case port.Protocol == "udp":
		return probes.DoUDP
	case port.Number == probes.PortHTTP:
		return probes.DoHTTP
	default:
		return probes.DoTCP
	}
}

var sourceControls = []suites.Attempt{
	{Do: probes.DoHTTP, Port: ownPorts[0]},
	{Do: probes.DoTCP, Port: ownPorts[1]},
	{Do: probes.DoUDP, Port: ownPorts[2]},
}
