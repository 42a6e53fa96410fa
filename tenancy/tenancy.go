package tenancy

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// DefaultLabel is the namespace label whose value names the tenant where the
// tenancy file names no other.
const DefaultLabel = "tenant"

// Tenancy is what a run works on: the user's file held against the cluster.
// Tenants are sorted by name, and their namespaces too.
type Tenancy struct {
	Name       string // metadata.name, or the cluster context's where there is no file
	Path       string // the file it came from; empty without one
	Places     Places // where that file says who the tenants are
	Tenants    []Tenant
	Shared     []Shared
	Crossings  []Crossing
	Exceptions []Exception
	Severities []CheckSeverity
	Services   []Service
	Shadows    []Shadow // that the file chooses; those that are put out are the tenants'
	Promises   Promises
	FailOn     Severity
	Ignored    []string // namespaces set aside: system ones and those that the file ignores
	Unclaimed  []string // namespaces of no tenant, not ignored either
	DualStack  bool     // pods have an address of each family, where that was observed
	Untried    []string // what ought to be tried and is not, which makes a run partial
	Notes      []string // what discovery left out or could not see, for people to read
}

// Places are lines of a tenancy file, for what is said of it later.
type Places struct {
	Tenants int            // on which it begins to say who they are
	Tenant  map[string]int // on which it lists one, by name
}

// Tenant is a name and the namespaces that it owns.
type Tenant struct {
	Name       string
	Namespaces []string
	Ports      []Port               // that its own objects name, where they were observed
	PortNames  map[string]PortNames // by namespace: what the pods there call their ports
	Meshed     []string             // of its namespaces: those whose pods have a mesh's proxy beside them, where that was observed
	Shadows    []Shadow             // of its workloads, where they are put out
}

// PortNames are what containers call ports, by which policies may select them.
// In a pod each name stands for one port.
type PortNames map[Port]string

// Add keeps the first name of a port, and the first port of a name.
func (n PortNames) Add(p Port, name string) {
	if name == "" || n[p] != "" {
		return
	}
	for _, other := range n {
		if other == name {
			return
		}
	}
	n[p] = name
}

// Ports are those that have a name, in their order.
func (n PortNames) Ports() []Port {
	return slices.SortedFunc(maps.Keys(n), func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Protocol, b.Protocol))
	})
}

// PortName is what a namespace's pods call a port, or those of a workload there
// that has shadows; empty where they do not call it anything.
func (t Tenant) PortName(namespace, workload string, p Port) string {
	for _, s := range t.Shadows {
		if s.Namespace == namespace && s.Workload == workload {
			return s.PortNames[p]
		}
	}
	return t.PortNames[namespace][p]
}

// Port is a transport port as policies name it: tcp/8080, udp/53.
type Port struct {
	Protocol string // tcp or udp
	Number   int
}

// Shared is a service that several tenants may use.
type Shared struct {
	Name      string
	Namespace string
	Service   string
	Ports     []Port
	Tenants   []string // names; "*" stands for all
}

// Service is a real Service of a tenant's, which others may be tried on.
type Service struct {
	Namespace string
	Name      string
	Ports     []Port
	// What was observed of it in the cluster.
	Observed    bool
	HTTP        []Port       // those of the ports that say that they speak HTTP
	ExternalIPs []string     // by which it is to be reached from outside
	Balancers   []string     // addresses of its load balancer, or names where those are all it has
	NodePorts   map[Port]int // that lead to its ports on every node
	// NoWay is why the Service's name does not lead to a port of the tenant's pods.
	NoWay map[Port]string
}

// Crossing is intended traffic from one tenant to another.
type Crossing struct {
	From, To string
	Ports    []Port
	Reason   string
	Owner    string
	Expires  time.Time // the last day it is allowed; zero: no end
}

// Exception is a leak that somebody accepted until a day.
type Exception struct {
	Match   string // a glob over attempt ids; * matches any run of characters
	Reason  string
	Owner   string
	Expires time.Time // the last day it holds
	Line    int       // where the file states it
}

// CheckSeverity is how bad the leaks of a check are to the platform.
type CheckSeverity struct {
	Check    string // suite/check, in which * matches any run of characters
	Severity Severity
	Line     int // where the file states it
}

// Promises are what the platform says of its walls.
type Promises struct {
	// Layers must hold each by itself; empty: any that does is enough.
	Layers []Layer
	// Denial lists the outcomes that count as a denial; empty: any of them.
	Denial []string
	// WeakControls says whether a target's own listener counts as its control
	// where no better rung of the ladder answers.
	WeakControls bool
	// DNS says whether tenants may learn each other's names; empty: nothing is
	// promised.
	DNS       Visibility
	Egress    Egress
	Admission Admission
}

// Layer is one of a wall's.
type Layer string

// The layers.
const (
	NetworkLayer Layer = "network"
	MeshLayer    Layer = "mesh"
)

// Holds says that a layer is promised to hold by itself.
func (p Promises) Holds(l Layer) bool { return slices.Contains(p.Layers, l) }

// Visibility is whether something may be seen by other tenants.
type Visibility string

// The visibilities.
const (
	Hidden  Visibility = "hidden"
	Visible Visibility = "visible"
)

// Severity grades a finding.
type Severity int

// The severities, from the least to the worst.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)
