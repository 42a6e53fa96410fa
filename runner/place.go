package runner

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

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

// place is a tenant's namespace with its probes.
type place struct {
	tenant    string
	namespace string
	ports     []tenancy.Port          // of its targets: their own, and those that are asked for
	names     map[tenancy.Port]string // of ports, for policies that select by it
	pods      [slots]*pod
	touched   bool   // something may have been created
	problem   string // why it has no probes, in the words of whoever refused
}

// pod is one probe.
type pod struct {
	place   *place
	slot    int
	job     string // also its Service's name, where it is a target
	cluster string // the cluster IP of that Service
	jobUID  types.UID
	name    string
	node    string
	ips     []netip.Addr
	started time.Time // by the cluster's clock
	adopted time.Time // by the runner's: when it was first seen ready
	sidecar bool
	key     probes.Key
	boot    string
	read    uint64 // the newest receipt that was handed over
	session *session
}

func (p *place) fail(format string, args ...any) {
	if p.problem == "" {
		p.problem = fmt.Sprintf(format, args...)
	}
}

// headless is the name of the Service that gives the run's pods their own names.
func (q *pod) headless() string { return strings.TrimSuffix(q.job, slotNames[q.slot]) + headlessSuffix }

func (q *pod) target() bool { return q.slot != slotSource }

func (q *pod) side() verdicts.Side {
	return verdicts.Side{
		Tenant: q.place.tenant, Namespace: q.place.namespace, Pod: q.name, Node: q.node, Sidecar: q.sidecar,
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

// host is what a source is told to connect to. Names end in .svc, so that the
// pod's search path adds whatever the cluster's domain is.
func (q *pod) host(address suites.Address) string {
	switch address {
	case suites.PodIP:
		return q.ip().String()
	case suites.ServiceIP:
		return q.cluster
	case suites.Headless:
		return slotNames[q.slot] + "." + q.headless() + "." + q.place.namespace + ".svc"
	default:
		return q.job + "." + q.place.namespace + ".svc"
	}
}

// placesOf finds the namespaces that the attempts need probes in, and the
// ports of their targets.
func placesOf(attempts []suites.Attempt) []*place {
	byNamespace := map[string]*place{}
	add := func(s suites.Place) *place {
		p, ok := byNamespace[s.Namespace]
		if !ok {
			p = &place{tenant: s.Tenant, namespace: s.Namespace, ports: slices.Clone(ownPorts[:]), names: map[tenancy.Port]string{}}
			byNamespace[s.Namespace] = p
		}
		return p
	}
	for _, a := range attempts {
		if a.Skip != "" {
			continue
		}
		add(a.From)
		if a.Out {
			continue
		}
		if a.Service != "" {
			if a.Expect == suites.Denied && len(a.Admitted) > 0 {
				add(a.Admitted[0])
			}
			continue
		}
		to := add(a.To)
		if a.Asks() {
			continue
		}
		if !slices.Contains(to.ports, a.Port) {
			to.ports = append(to.ports, a.Port)
		}
		if a.PortName != "" {
			to.names[a.Port] = a.PortName
		}
	}
	places := make([]*place, 0, len(byNamespace))
	for _, p := range byNamespace {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b *place) int { return strings.Compare(a.namespace, b.namespace) })
	return places
}
