package verdicts

import (
	"fmt"
	"strings"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// judgeWayOut judges an attempt on what lies outside that did not get through.
// Nobody of the run may reach it, and where nothing of ours stands there the
// best that there is to be had is unreached.
func judgeWayOut(r Result, c Case, rules Rules) Result {
	if why := noSource(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	if c.Attempt.Witnessed {
		return judgeWitnessed(r, c)
	}
	return r.as(Unreached, fmt.Sprintf("%s could not reach %s: %s; nothing of the run shows that it answers anybody",
		c.From.Who(), outside(c), rounds(c)))
}

// noName says why a name outside is of no use: it does not resolve, or nobody
// answers the source.
func noName(c Case, outcome probes.Outcome) string {
	switch {
	case c.Attempt.Address != suites.ByName && c.Attempt.Address != suites.LoadBalancer:
	case unknownName(c) && c.Attempt.To.Tenant == controlPlane:
		return "the name " + c.Attempt.Outside + " does not resolve in this cluster, where the mesh's control plane has another"
	case unknownName(c):
		return "the name " + c.Attempt.Outside + " does not resolve in this cluster; what it stands for is tried by address alone, where that is known"
	case outcome == probes.Unresolved:
		return fmt.Sprintf("no resolver answers %s, so that it can use no name; what it could reach by address is tried, and judged, by itself", c.From.Who())
	}
	return ""
}

// unknownName says that the resolver knew no such name, or could not find out.
// A cluster without an internet knows none of its names.
func unknownName(c Case) bool {
	for _, s := range c.Rounds {
		if s.Observation == nil || s.Observation.Phase != probes.PhaseResolve || Unanswered(s.Outcome, s.Observation) {
			return false
		}
	}
	return len(c.Rounds) > 0
}

func wayOutLeak(c Case, o probes.Outcome) string {
	if c.Attempt.Witnessed {
		return witnessedLeak(c, o)
	}
	switch c.Attempt.Lookup.Of {
	case suites.OutsideRecord:
		return fmt.Sprintf("%s asked %s over %s, and was answered", c.From.Who(), outside(c), c.Attempt.Lookup.Over)
	case suites.CanaryRecord:
		return fmt.Sprintf("%s had the cluster's resolver ask for a fresh name in %s, and was answered: what is in a name leaves the cluster",
			c.From.Who(), outside(c))
	}
	return fmt.Sprintf("%s reached %s, which the tenancy does not give it", c.From.Who(), outside(c))
}

// controlPlane is what a mesh's is called where a tenant tries it.
const controlPlane = "control-plane"

func outside(c Case) string {
	a := c.Attempt
	switch {
	case a.Witnessed && a.Address == suites.Resolver:
		return "the witness outside, as the name server of " + a.Outside + ","
	case a.Witnessed:
		return fmt.Sprintf("the witness outside (%s, %s port %d)", a.Outside, strings.ToUpper(a.Port.Protocol), a.Port.Number)
	case a.Lookup.Of == suites.CanaryRecord:
		return "the zone " + a.Outside
	case a.Lookup.Of == suites.OutsideRecord:
		return "the resolver " + a.Outside
	case a.To.Tenant == "kubelet" && a.Placement == suites.SameNode:
		return fmt.Sprintf("the kubelet of its own node on port %d", a.Port.Number)
	case a.To.Tenant == "kubelet":
		return fmt.Sprintf("the kubelet of another node on port %d", a.Port.Number)
	case a.Address.ByNode():
		return nodePortWords(a)
	case a.To.Tenant == "metadata":
		return fmt.Sprintf("the metadata service at %s", a.Outside)
	case a.To.Tenant == "kube-api":
		return "the Kubernetes API server"
	case a.To.Tenant == controlPlane:
		return fmt.Sprintf("port %d of the mesh's control plane, %s", a.Port.Number, a.Outside)
	default:
		return fmt.Sprintf("%s on port %d of the internet", a.Outside, a.Port.Number)
	}
}
