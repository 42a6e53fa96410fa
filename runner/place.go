package runner

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// The probe pods of a namespace: two targets, which are sources too, on two
// nodes, and a source beside the first.
const (
	slotTarget0 = iota
	slotTarget1
	slotSource
	slots
)

const targets = slotSource // each has a Service

var slotNames = [slots]string{"target-0", "target-1", "source"}

// nodeOfSlot is the node of the two preferred ones that each slot likes.
var nodeOfSlot = [slots]int{0, 1, 0}

// ownPorts are those that every target listens on: for HTTP, TCP and UDP, for
// a server that speaks first, for TLS and for HTTP/2.
var ownPorts = [...]tenancy.Port{
	{Protocol: "tcp", Number: probes.PortHTTP},
	{Protocol: "tcp", Number: probes.PortTCP},
	{Protocol: "udp", Number: probes.PortUDP},
	{Protocol: "tcp", Number: probes.PortBanner},
	{Protocol: "tcp", Number: probes.PortTLS},
	{Protocol: "tcp", Number: probes.PortH2C},
}

// place is a tenant's namespace with its probes, or a workload in it with its
// shadows.
type place struct {
	tenant    string
	namespace string
	workload  string                  // that it is a shadow of; empty for the namespace's own probes
	proxied   bool                    // its probes have a mesh's proxy beside them
	optional  bool                    // the namespace's own pods have none, and these need not get one
	absent    bool                    // its problem is that it does not
	number    int                     // of the shadow, from 1, within its namespace
	identity  tenancy.Identity        // of the workload
	ports     []tenancy.Port          // of its targets: their own, and those that are asked for
	names     map[tenancy.Port]string // of ports, for policies that select by it
	byNode    []tenancy.Port          // to be opened on the nodes too
	pods      [slots]*pod
	touched   bool   // something may have been created
	problem   string // why it has no probes, in the words of whoever refused
}

// pod is one probe.
type pod struct {
	place       *place
	slot        int
	job         string // also its Service's name, where it is a target
	cluster     string // the cluster IP of that Service
	jobUID      types.UID
	nodePorts   map[tenancy.Port]int // that lead to it
	noNodePorts string               // why none do, in the words of whoever refused
	name        string
	node        string
	ips         []netip.Addr
	labels      map[string]string
	ports       []corev1.ContainerPort // as its policies know them
	started     time.Time              // by the cluster's clock
	adopted     time.Time              // by the runner's: when it was first seen ready
	sidecar     bool
	alone       bool // nothing else speaks from within the pod: no proxy, no other container
	key         probes.Key
	boot        string
	noSCTP      string // why it does not listen for SCTP, in its own words
	read        uint64 // the newest receipt that was handed over
	session     *session
}

func (p *place) fail(format string, args ...any) {
	if p.problem == "" {
		p.problem = fmt.Sprintf(format, args...)
	}
}

// lack fails a place by what its tenant's pods lack too where it is optional.
func (p *place) lack(format string, args ...any) {
	p.absent = p.absent || p.optional && p.problem == ""
	p.fail(format, args...)
}

// headless is the name of the Service that gives the run's pods their own names.
func (q *pod) headless() string { return strings.TrimSuffix(q.job, slotNames[q.slot]) + headlessSuffix }

// slotNames are those of all its pods.
func (p *place) slotNames() []string {
	names := make([]string, slots)
	for slot := range names {
		names[slot] = p.slotName(slot)
	}
	return names
}

// slotName tells the pods of a namespace apart.
func (p *place) slotName(slot int) string { return p.prefix() + slotNames[slot] }

func (p *place) prefix() string {
	switch {
	case p.proxied:
		return "sidecar-"
	case p.number == 0:
		return ""
	}
	return fmt.Sprintf("shadow-%d-", p.number)
}

func (q *pod) target() bool { return q.slot != slotSource }

func (q *pod) side() verdicts.Side {
	return verdicts.Side{
		Tenant: q.place.tenant, Namespace: q.place.namespace, Workload: q.place.workload, Pod: q.name, Node: q.node, Sidecar: q.sidecar,
	}
}

// ip is the address that pod-ip attempts use: IPv4 where there is one.
func (q *pod) ip() netip.Addr {
	for _, ip := range q.ips {
		if ip.Is4() {
			return ip
		}
	}
	if len(q.ips) > 0 {
		return q.ips[0]
	}
	return netip.Addr{}
}

// second is the address of the other family; it is not valid where there is none.
func (q *pod) second() netip.Addr {
	first := q.ip()
	for _, ip := range q.ips {
		if ip.Is4() != first.Is4() {
			return ip
		}
	}
	return netip.Addr{}
}

func (q *pod) hasIPv6() bool { return slices.ContainsFunc(q.ips, netip.Addr.Is6) }

// host is what a source is told to connect to. Names end in .svc, so that the
// pod's search path adds whatever the cluster's domain is.
func (q *pod) host(address suites.Address) string {
	switch address {
	case suites.PodIP:
		return q.ip().String()
	case suites.PodIP2:
		return q.second().String()
	case suites.ServiceIP:
		return q.cluster
	case suites.Headless:
		return slotNames[q.slot] + "." + q.headless() + "." + q.place.namespace + ".svc"
	default:
		return q.job + "." + q.place.namespace + ".svc"
	}
}

// survey is what a plan is about, found in one pass: of a large one each takes
// its time.
type survey struct {
	places []*place        // the namespaces and workloads that need probes, and the ports of their targets
	spaces map[string]bool // the namespaces that the attempts are between
	asked  map[string]bool // the namespaces for which admission is asked
}

func surveyOf(plan iter.Seq[[]suites.Attempt]) survey {
	all, spaces, asked := map[string]*place{}, map[string]bool{}, map[string]bool{}
	var add func(s suites.Place) *place
	add = func(s suites.Place) *place {
		p, ok := all[s.Where()]
		if !ok {
			p = &place{tenant: s.Tenant, namespace: s.Namespace, workload: s.Workload, proxied: s.Proxied, ports: slices.Clone(ownPorts[:]), names: map[tenancy.Port]string{}}
			all[s.Where()] = p
		}
		if s.Workload != "" || s.Proxied { // the namespace's own probes are its first control, or that of its proxies
			add(suites.Place{Tenant: s.Tenant, Namespace: s.Namespace})
		}
		return p
	}
	for attempts := range plan {
		for _, a := range attempts {
			need(a, add)
			spaces[a.From.Namespace], spaces[a.To.Namespace] = true, true
			if a.AsksAdmission() && a.Skip == "" {
				asked[a.From.Namespace] = true
			}
		}
	}
	delete(spaces, "") // of what is no tenant's; asked for by name, it would be all namespaces
	places := make([]*place, 0, len(all))
	for _, p := range all {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b *place) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.workload, b.workload), cmp.Compare(a.prefix(), b.prefix()))
	})
	return survey{places, spaces, asked}
}

// need says where one attempt needs probes, and what its target listens on.
func need(a suites.Attempt, add func(suites.Place) *place) {
	if a.Skip != "" || a.AsksAdmission() {
		return
	}
	add(a.From)
	if a.Sweeps() {
		add(a.Passes)
	}
	if a.OnOwnPort() {
		to := add(a.From)
		to.openByNode(a.Port)
	}
	if a.Out {
		return
	}
	if a.Service != "" {
		if a.Expect == suites.Denied && len(a.Admitted) > 0 {
			add(a.Admitted[0])
		}
		return
	}
	to := add(a.To)
	if a.Asks() || a.Proxy != "" || a.Do.Inward() || a.Do == probes.DoICMP || a.Do == probes.DoSCTP { // its port is every target's, or none's
		return
	}
	if !slices.Contains(to.ports, a.Port) {
		to.ports = append(to.ports, a.Port)
	}
	if a.Address.ByNode() {
		to.openByNode(a.Port)
	}
	if a.PortName != "" {
		to.names[a.Port] = a.PortName
	}
}

// openByNode has a port of the targets opened on the nodes too.
func (p *place) openByNode(port tenancy.Port) {
	if !slices.Contains(p.byNode, port) {
		p.byNode = append(p.byNode, port)
	}
}
