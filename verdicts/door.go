package verdicts

import (
	"fmt"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// nobodyByDoor says that a real Service, which is alive, lets nobody in by a way
// from outside, its own tenant neither: its wall sees a node or a load balancer
// in place of whoever asks, or there is no such way from a pod. What cannot be
// told apart is not claimed.
func nobodyByDoor(c Case, beside Verdict) string {
	if !c.Attempt.ByDoor() || !aliveBeside(c, beside) || !closedToControls(c) {
		return ""
	}
	return fmt.Sprintf("%s Service %s answers nobody, not even %s itself from %s: nothing shows that there is a way; by its name it is %s",
		door(c.Attempt)[1:], c.Attempt.Service, c.To.Tenant, node(c), beside)
}

// closedToControls says that there was a control in every round, and that none
// ever got through.
func closedToControls(c Case) bool {
	for _, s := range c.Rounds {
		if s.Control.Rung == RungNone || s.Control.Rung == "" {
			return false
		}
		for _, o := range []probes.Outcome{s.Control.Before, s.Control.During, s.Control.After} {
			if o == "" || o == probes.Error || through(o) {
				return false
			}
		}
	}
	return len(c.Rounds) >= Rounds
}

// aliveBeside says that the same attempt by the Service's name showed that it
// answers somebody. One that answers no HEAD but by a refusal does too.
func aliveBeside(c Case, beside Verdict) bool {
	return beside == Unreached || beside == Leak || c.Attempt.Do == probes.DoHead && beside == Skipped
}

// door says by which way from outside a Service was tried; nothing where it was
// by its name.
func door(a suites.Attempt) string {
	switch a.Address {
	case suites.ExternalIP:
		return " by its external address " + a.Outside
	case suites.LoadBalancer:
		return " by its load balancer " + a.Outside
	case suites.NodePort:
		return " by a port of " + placed(a.Placement)
	}
	return ""
}

func placed(p suites.Placement) string {
	if p == suites.SameNode {
		return "the source's own node"
	}
	return "another node than the source's"
}

// nodePortWords say by which port a way out over the nodes was tried.
func nodePortWords(a suites.Attempt) string {
	of := "a probe of its own"
	if a.Outside != "" {
		of = "Service " + a.Outside
	}
	return fmt.Sprintf("%s by a port of %s", of, placed(a.Placement))
}
