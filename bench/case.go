package main

import (
	"iter"
	"slices"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
)

// The kinds of case.
const (
	kindLab      = "lab"
	kindBaseline = "baseline"
	kindSim      = "simulated"
	kindCluster  = "cluster" // the simulated cluster itself
)

// The walls.
const (
	closed = "closed"
	open   = "open"
)

// The works: four port and protocol pairs between two tenants, as a well-known
// peer is measured, or all that the network suite plans.
const (
	workFour = "four"
	workFull = "full"
)

// benchCase is what one process measures: memory is told apart by it.
type benchCase struct {
	Kind       string
	Kubeconfig string
	Lab        string
	Server     string // of a simulated cluster
	Image      string
	Tenants    []string // each has one namespace, of its own name
	Work       string
	Wall       string
	Deadline   time.Duration
	Rate       int
	Sample     int
	Parts      int    // of the plan; 0 for all
	Profile    string // prefix of its profiles' names
}

func (c benchCase) config() (*rest.Config, error) {
	if c.Server != "" {
		return &rest.Config{Host: c.Server, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, nil
	}
	return clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
}

// fourth is the port beside the probe's own three.
var fourth = tenancy.Port{Protocol: "tcp", Number: 9443}

func (c benchCase) tenancy() *tenancy.Tenancy {
	t := &tenancy.Tenancy{Name: "bench", FailOn: tenancy.High}
	for _, name := range c.Tenants {
		tenant := tenancy.Tenant{Name: name, Namespaces: []string{name}}
		if c.Work == workFour {
			tenant.Ports = []tenancy.Port{fourth}
		}
		t.Tenants = append(t.Tenants, tenant)
	}
	return t
}

// peersKinds are the attempts that a peer makes too.
var peersKinds = []probes.Do{probes.DoHTTP, probes.DoTCP, probes.DoUDP}

// four is the part of the network suite that a peer makes too.
type four struct{ network.Suite }

func (f four) Plan(t *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	var all []suites.Attempt
	for i := range part.From { // one by one, so that what is left out is soon forgotten
		one := suites.Part{From: part.From[i : i+1], To: part.To, Rest: part.Rest}
		all = append(all, slices.DeleteFunc(f.Suite.Plan(t, one), func(a suites.Attempt) bool {
			return a.Address != suites.PodIP || a.Target != 1 || !slices.Contains(peersKinds, a.Do)
		})...)
	}
	return all
}

func (c benchCase) plan(t *tenancy.Tenancy) (*suites.Plan, error) {
	registry := suites.Registry{network.Suite{}}
	if c.Work == workFour {
		registry = suites.Registry{four{}}
	}
	return suites.Selection{}.Plan(registry, t)
}

// parts are those that are tried.
func (c benchCase) parts(plan *suites.Plan) iter.Seq[[]suites.Attempt] {
	if c.Parts == 0 {
		return plan.Parts()
	}
	return func(yield func([]suites.Attempt) bool) {
		n := 0
		for part := range plan.Parts() {
			if n++; n > c.Parts || !yield(part) {
				return
			}
		}
	}
}

// figures are what a case came to.
type figures struct {
	Attempts  int // of one round
	Outcomes  map[string]int
	Verdicts  map[string]int
	Phases    []phase
	Whole     float64 // seconds, of all of it
	Probing   float64 // of the attempts of the first round
	Round     float64 // of the first round, with its controls and receipts
	First     float64 // from the start to the first attempt
	Slowest   starts
	CPU       float64 // seconds of this process, of all of it
	Calls     map[string]int
	Execs     int
	PeakMB    float64 // of this process, the judging included
	ProbeMB   float64 // of the probe that took most; 0 where it could not be seen
	Sampled   int     // attempts that a baseline made, where not all
	Reckoned  float64 // seconds that a baseline takes for all
	NotBefore string  // why a case was not measured
}

type phase struct {
	Name    string
	Seconds float64
}

func (f *figures) calls() int {
	n := 0
	for _, c := range f.Calls {
		n += c
	}
	return n
}
