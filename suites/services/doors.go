package services

import (
	"fmt"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

const closeDoors = "; an address outside and a node's port are open to whoever reaches them: where nobody beyond the cluster needs one, " +
	"make the Service of type ClusterIP"

// doors are the attempts on a port of a Service by the ways that lead to it
// from outside the cluster, which a pod may take too: behind some of them a
// policy sees a node in place of the pod. Where the Service has none of a kind,
// one that is skipped says so.
func doors(s tenancy.Service, a suites.Attempt) []suites.Attempt {
	a.Remedy += closeDoors
	var all []suites.Attempt
	for _, kind := range []struct {
		address suites.Address
		found   []string
		what    string
	}{
		{suites.ExternalIP, s.ExternalIPs, "no external address"},
		{suites.LoadBalancer, s.Balancers, "no load balancer"},
	} {
		a.Address = kind.address
		for _, a.Outside = range kind.found {
			all = append(all, a)
		}
		if len(kind.found) == 0 {
			a.Outside = ""
			all = append(all, without(s, a, kind.what))
		}
	}
	a.Address, a.Outside, a.NodePort = suites.NodePort, "", s.NodePorts[a.Port]
	if a.NodePort == 0 {
		return append(all, without(s, a, fmt.Sprintf("no port of the nodes for %s", a.Port)))
	}
	for _, a.Placement = range []suites.Placement{suites.SameNode, suites.CrossNode} {
		all = append(all, a)
	}
	return all
}

// without is an attempt by a door that a Service does not have.
func without(s tenancy.Service, a suites.Attempt, what string) suites.Attempt {
	switch {
	case a.Skip != "":
	case s.Observed:
		a.Skip = fmt.Sprintf("Service %s of namespace %s has %s", s.Name, s.Namespace, what)
	default:
		a.Skip = fmt.Sprintf("Service %s of namespace %s was not found, or the runner may not list Services there: what ways lead to it from outside is not known",
			s.Name, s.Namespace)
	}
	return a
}
