package verdicts

import (
	"fmt"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// judgeLookup judges a question that got no answer. The resolver is nobody's
// witness, so that the best that there is to be had is unreached; and that only
// where it answers the same question to the tenant whose names they are.
func judgeLookup(r Result, c Case, rules Rules) Result {
	if nobody(c) {
		return r.as(Skipped, "the resolver answers this question to nobody, not even to "+c.To.Tenant+
			": this cluster has no such records")
	}
	if !answered(c) {
		if why := noSource(c, rules); why != "" {
			return r.as(Inconclusive, why)
		}
	}
	if why := noControl(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	return r.as(Unreached, fmt.Sprintf("%s was not told of %s: %s; the same question was answered to %s from %s, before and after each",
		c.From.Tenant, asked(c), rounds(c), controlWords(c.Rounds[0].Control.Rung, c.To.Tenant), node(c)))
}

// nobody says that the resolver told everybody alike that there is no such
// name. Of a Service's own name that cannot be: then something else is wrong.
func nobody(c Case) bool {
	if c.Attempt.Lookup.Of == suites.ServiceRecord {
		return false
	}
	for _, s := range c.Rounds {
		if s.Outcome != probes.Unresolved || s.Control.Before != probes.Unresolved || s.Control.After != probes.Unresolved {
			return false
		}
	}
	return true
}

// answered says that the resolver answered, be it by a refusal: it was asked.
func answered(c Case) bool {
	for _, s := range c.Rounds {
		if s.Outcome != probes.Unresolved && s.Outcome != probes.Refused {
			return false
		}
	}
	return true
}

func lookupLeak(c Case) string {
	return fmt.Sprintf("%s learned %s by asking the cluster's resolver over %s, which answers everybody",
		c.From.Tenant, asked(c), c.Attempt.Lookup.Over)
}

func asked(c Case) string {
	owner := c.To.Tenant
	switch c.Attempt.Lookup.Of {
	case suites.PortRecord:
		return "the ports of a Service of " + owner
	case suites.HeadlessRecord:
		return "the address of a pod of " + owner + " by its name"
	case suites.PodRecord:
		return "that an address is one of " + owner + "'s pods"
	case suites.ReverseRecord:
		return "which Service of " + owner + " an address is"
	default:
		return "the address of a Service of " + owner
	}
}
