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
	DryRun      Address = "dry-run"      // of a question to admission: the API server, which creates nothing
	Resolver    Address = "resolver"     // of a lookup: the pod's own resolver, which is asked about the target
	PodIP       Address = "pod-ip"       // its IPv4 address where it has one
	// The pod's second address, of the other family, where the cluster is dual
	// stack: a wall may have been built for one family alone.
	PodIP2 Address = "pod-ip-2"
	// A port that a Service of the target's own opens on every node: by the
	// node that the target is on, and by another.
	NodePort      Address = "node-port"
	OtherNodePort Address = "other-node-port"
	ProxyView     Address = "proxy-view" // of what a source's own mesh proxy knows, or says
	// Ways to a real Service from outside the cluster. Of its node ports, which
	// are NodePort, the placement says on which node the source asks.
	ExternalIP   Address = "external-ip"
	LoadBalancer Address = "load-balancer"
)

// Addresses are all kinds of a target's own, in the order in which they are
// tried.
var Addresses = []Address{ServiceName, ServiceIP, Headless, PodIP}

// NodePorts are the kinds by which a target is tried where that was asked for:
// a port that is open on every node is open to whoever reaches one.
var NodePorts = []Address{NodePort, OtherNodePort}

// ByNode says that a node stands between, whose address a policy may see in
// place of the source's.
func (a Address) ByNode() bool { return a == NodePort || a == OtherNodePort }

// ByName says that a resolver has to be asked for the address.
func (a Address) ByName() bool { return a == ServiceName || a == Headless }

// OfPod says that it is an address of the pod's own, with no name or Service
// between.
func (a Address) OfPod() bool { return a == PodIP || a == PodIP2 }

// Record is what a lookup is after.
type Record string

// The records that Kubernetes' DNS specification gives to Services and pods.
const (
	ServiceRecord  Record = "service"  // the address of a Service
	PortRecord     Record = "port"     // a port of a Service
	HeadlessRecord Record = "headless" // a pod's own name
	PodRecord      Record = "pod"      // the name that a pod has by its address
	ReverseRecord  Record = "reverse"  // whose an address is

	// Ways round whatever compares names with those above.
	MixedRecord     Record = "mixed-case" // a Service's name in capital and small letters
	SearchRecord    Record = "search"     // with the source's own search path behind it, which a resolver may take off
	WildcardRecord  Record = "wildcard"   // a star for the Service
	ElsewhereRecord Record = "elsewhere"  // a Service's name, of a server outside

	SweepRecord Record = "sweep" // whose the addresses of a sample of the range of Services are

	OutsideRecord Record = "outside" // any name at all, of a server outside
	CanaryRecord  Record = "canary"  // a fresh name in a zone outside
	WitnessRecord Record = "witness" // a fresh name that our witness outside signs
)

// Lookup is a question to a resolver about a target.
type Lookup struct {
	Of   Record
	Type string // A, SRV or PTR
	Over string // udp, tcp or https
	// Server is the address of the one to ask; empty: the pod's own.
	Server string
}

// Change is what makes a pod one that a tenant ought not to have. Admission is
// asked for the pod with it, and for the same pod without.
type Change struct {
	With  string // what the pod then has, in a word
	Patch string // a strategic merge patch of it
	// Proxyless says that the pod ought not to come out of admission without a
	// mesh's proxy; where there is no patch, that nothing is changed.
	Proxyless bool
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
	Workload  string // that it is a shadow of, as Deployment/api; empty for the namespace's own probes
	Proxied   bool   // its probes have a mesh's proxy beside them
}

// Attempt is one thing that one tenant tries on one target, with what is
// expected of it. Its id is the same from run to run.
type Attempt struct {
	Suite, Check string
	From, To     Place
	Target       int     // which of the namespace's targets; unused where Service is set
	Out          bool    // it is on nothing of any tenant's: the internet, a node, the cluster's own machinery
	Outside      string  // a host, zone or name that is no tenant's, To.Tenant says what kind of place it is in; of a Service its address there
	Witnessed    bool    // what lies outside is our own witness
	Proxy        string  // what the target's own mesh proxy serves at the port; empty where it is the probe's
	Service      string  // a real Service of To.Namespace instead of a target of ours
	NodePort     int     // that leads to a real Service on every node
	Admitted     []Place // who may reach that Service, to tell that it is alive
	Passes       Place   // another tenant's, whose Services' addresses a sweep is to come by
	Address      Address
	Lookup       Lookup // what a resolver is asked; the zero value where none is
	Change       Change // of a pod that admission is asked for; the zero value where it is not
	Promised     bool   // the tenancy promises it, so that it may not be skipped for want of a right
	Port         tenancy.Port
	PortName     string // what the target's container calls it; empty where policies need not know it
	Do           probes.Do
	Form         string // of an HTTP request, as the probes name them; empty for the plain one
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
// unless that attempt, which left the source, ended as a denial too. A real Service's pods
// are not tried: beside the other ways to it stands the one by its name. And what
// a tenant's own proxy would not let out, its pods without one may reach: beside
// the attempt by such a proxy stands the same without.
func (a Attempt) Beside() string {
	if a.From.Proxied {
		a.From.Proxied, a.Sidecar = false, false
		return a.ID()
	}
	a.Address = PodIP
	if a.Service != "" {
		a.Address, a.Placement, a.Outside = ServiceName, AnyNode, ""
	}
	return a.ID()
}

// Stands says that others are judged beside the attempt.
func (a Attempt) Stands() bool {
	return a.Address == PodIP || a.To.Proxied && !a.From.Proxied || a.Service != "" && a.Address == ServiceName
}

// ByDoor says that a real Service is tried by a way that leads into the cluster
// from outside.
func (a Attempt) ByDoor() bool {
	return a.Service != "" && a.Address != ServiceName
}

// OneSided says that the far end is no probe of ours, or that its kernel
// answers before the probe could, so that nothing can witness what arrives
// there.
func (a Attempt) OneSided() bool {
	return !a.Witnessed && !a.AsksAdmission() && (a.Service != "" || a.Proxy != "" || a.Asks() || a.Out || a.Do == probes.DoICMP || a.Do.Inward())
}

// OnOwnPort says that a way out is tried by a port that the run opens on the
// nodes for a probe of the source's own.
func (a Attempt) OnOwnPort() bool { return a.Out && a.Address.ByNode() && a.NodePort == 0 }

// Asks says that the attempt is a question to a resolver.
func (a Attempt) Asks() bool { return a.Lookup != Lookup{} }

// AsksAdmission says that the attempt is a question to the API server, whether
// it would let a tenant have a pod. It needs no probe.
func (a Attempt) AsksAdmission() bool { return a.Change != Change{} }

// Sweeps says that the attempt asks whose a sample of addresses are, and so is
// about every other tenant at once.
func (a Attempt) Sweeps() bool { return a.Lookup.Of == SweepRecord }

// ServiceHost is the real Service's address outside, or else its name. That
// ends in .svc, for the source to add whatever the cluster's domain is.
func (a Attempt) ServiceHost() string {
	return cmp.Or(a.Outside, a.Service+"."+a.To.Namespace+".svc")
}

// ID names the attempt: suite, check, both tenants and namespaces, target,
// kind of address, port, placement and whether its source has a sidecar.
func (a Attempt) ID() string {
	target, to := fmt.Sprintf("target-%d", a.Target), a.To.id()
	switch {
	case a.Service != "" && a.Outside != "":
		target = a.Service + "@" + a.Outside
	case a.Service != "":
		target = a.Service
	case a.Out:
		to, target = a.To.Tenant, cmp.Or(a.Outside, placeless[a.Address])
	}
	if a.Sweeps() {
		target = "sample"
	}
	switch a.Do {
	case probes.DoKnown:
		target = "services"
	case probes.DoIdentity:
		target = "name"
	}
	if a.To.Proxied && !a.Out {
		target = "sidecar-" + target
	}
	source := "bare"
	if a.Sidecar || a.From.Proxied {
		source = "sidecar"
	}
	return fmt.Sprintf("%s/%s/%s->%s/%s/%s:%d/%s/%s", a.Suite, a.Check,
		a.From.id(), to, target, a.Address, a.Port.Number, a.Placement, source)
}

// id is a place in an id. A dot in a tenant's name is written as in a URL, so
// that a pattern for one tenant, such as acme.*, is not one for another. A
// shadow's workload follows its namespace.
func (p Place) id() string {
	id := strings.ReplaceAll(p.Tenant, ".", "%2E") + "." + p.Namespace
	if p.Workload != "" {
		id += "." + strings.ReplaceAll(p.Workload, "/", ".")
	}
	return id
}

// placeless is what stands in an id for what lies outside and has no name yet.
var placeless = map[Address]string{ByAddress: "server", NodeIP: "node", NodePort: "probe", APIAddress: "kubernetes", Resolver: "zone", DryRun: "pod"}
