package suites

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/tenancy"
)

// Expectation is what the tenancy says of an attempt.
type Expectation string

// Denied is the rule between tenants; Allowed is what a declared crossing or a
// shared service makes of it.
const (
	Denied  Expectation = "denied"
	Allowed Expectation = "allowed"
)

// Address says by which of its addresses a target is tried.
type Address string

// The kinds of address.
const (
	ServiceName Address = "service-name" // the DNS name of the target's own Service
	ServiceIP   Address = "service-ip"   // that Service's cluster IP
	Headless    Address = "headless"     // the pod's own DNS name under a headless Service
	ByAddress   Address = "address"      // of what lies outside
	ByName      Address = "name"         // of what lies outside
	NodeIP      Address = "node-ip"      // of a node, by the placement
	APIAddress  Address = "api-ip"       // of the API server, within the cluster
	Resolver    Address = "resolver"     // of a lookup: the pod's own resolver, which is asked about the target
	PodIP       Address = "pod-ip"
)

// Addresses are all kinds of a target's own, in the order in which they are
// tried.
var Addresses = []Address{ServiceName, ServiceIP, Headless, PodIP}

// ByName says that a resolver has to be asked for the address.
func (a Address) ByName() bool { return a == ServiceName || a == Headless }

// Record is what a lookup is after.
type Record string

// The records that Kubernetes' DNS specification gives to Services and pods.
const (
	ServiceRecord  Record = "service"  // the address of a Service
	PortRecord     Record = "port"     // a port of a Service
	HeadlessRecord Record = "headless" // a pod's own name
	PodRecord      Record = "pod"      // the name that a pod has by its address
	ReverseRecord  Record = "reverse"  // whose an address is

	OutsideRecord Record = "outside" // any name at all, of a server outside
	CanaryRecord  Record = "canary"  // a fresh name in a zone outside
)

// Lookup is a question to a resolver about a target.
type Lookup struct {
	Of   Record
	Type string // A, SRV or PTR
	Over string // udp or tcp
}

// Placement says where source and target stand to each other.
type Placement string

// The placements. AnyNode is for targets whose node is not ours to choose.
const (
	SameNode  Placement = "same-node"
	CrossNode Placement = "cross-node"
	AnyNode   Placement = "any-node"
)

// Place is one side of an attempt before there are pods.
type Place struct {
	Tenant    string
	Namespace string
}

// Attempt is one thing that one tenant tries on one target, with what is
// expected of it. Its id is the same from run to run.
type Attempt struct {
	Suite, Check string
	From, To     Place
	Target       int     // which of the namespace's targets; unused where Service is set
	Out          bool    // it is on nothing of any tenant's: the internet, a node, the cluster's own machinery
	Outside      string  // a host, zone or name that is no tenant's; To.Tenant says what kind of place it is in
	Service      string  // a real Service of To.Namespace instead of a target of ours
	Admitted     []Place // who may reach that Service, to tell that it is alive
	Address      Address
	Lookup       Lookup // what a resolver is asked; the zero value where none is
	Port         tenancy.Port
	PortName     string // what the target's container calls it; empty where policies need not know it
	Do           probes.Do
	Placement    Placement
	Sidecar      bool // the source pod carries a mesh proxy
	Expect       Expectation
	Severity     tenancy.Severity // of the leak it would be
	Reason       string           // why it is allowed, where it is
	Remedy       string           // what would close the leak
	Skip         string           // why it is not tried, where it is not
}

// Beside is the id of the same attempt on the pod's own address. What a
// resolver or a Service's rules did at the source says nothing about the wall
// unless that attempt, which left the source, ended as a denial too.
func (a Attempt) Beside() string {
	a.Address = PodIP
	return a.ID()
}

// OneSided says that the far end is no probe of ours, so that nothing can
// witness what arrives there.
func (a Attempt) OneSided() bool { return a.Service != "" || a.Asks() || a.Out }

// Asks says that the attempt is a question to a resolver.
func (a Attempt) Asks() bool { return a.Lookup != Lookup{} }

// ServiceHost is the name of the real Service. It ends in .svc, for the source
// to add whatever the cluster's domain is.
func (a Attempt) ServiceHost() string { return a.Service + "." + a.To.Namespace + ".svc" }

// ID names the attempt: suite, check, both tenants and namespaces, target,
// kind of address, port, placement and whether its source has a sidecar.
func (a Attempt) ID() string {
	target, to := fmt.Sprintf("target-%d", a.Target), a.To.id()
	switch {
	case a.Service != "":
		target = a.Service
	case a.Out:
		to, target = a.To.Tenant, cmp.Or(a.Outside, placeless[a.Address])
	}
	source := "bare"
	if a.Sidecar {
		source = "sidecar"
	}
	return fmt.Sprintf("%s/%s/%s->%s/%s/%s:%d/%s/%s", a.Suite, a.Check,
		a.From.id(), to, target, a.Address, a.Port.Number, a.Placement, source)
}

// id is a place in an id. A dot in a tenant's name is written as in a URL, so
// that a pattern for one tenant, such as acme.*, is not one for another.
func (p Place) id() string { return strings.ReplaceAll(p.Tenant, ".", "%2E") + "." + p.Namespace }

// placeless is what stands in an id for what lies outside and has no name yet.
var placeless = map[Address]string{NodeIP: "node", APIAddress: "kubernetes", Resolver: "zone"}
