package verdicts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// judgeLookup judges a question that got no answer. The resolver is nobody's
// witness, so that the best that there is to be had is unreached; and that only
// where it answers the same question to the tenant whose names they are.
func judgeLookup(r Result, c Case, rules Rules) Result {
	if nobody(c) {
		return r.as(Skipped, "the resolver answers this question to nobody, not even to "+ownerOf(c).Who()+
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
	return r.as(Unreached, fmt.Sprintf("%s was not told of %s: %s; the same question was answered to %s from %s, before, during and after each",
		c.From.Who(), asked(c), rounds(c), controlWords(c.Rounds[0].Control.Rung, ownerOf(c).Tenant), node(c)))
}

// ownerOf is whose the names are that a question is about. A sweep is held
// against one of many.
func ownerOf(c Case) Side {
	if c.Attempt.Sweeps() {
		return Side{Tenant: "the owner"}
	}
	return c.To
}

// nobody says that the resolver told even the tenant whose names they are that
// there is no such name; what became of the source's own question, which got no
// name either, is then nothing to go by. Of a Service's own name that cannot
// be: then something else is wrong.
func nobody(c Case) bool {
	if c.Attempt.Lookup.Of == suites.ServiceRecord {
		return false
	}
	for _, s := range c.Rounds {
		if s.Control.Before != probes.Unresolved || s.Control.During != probes.Unresolved || s.Control.After != probes.Unresolved {
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
	if c.Attempt.Lookup.Server != "" {
		return fmt.Sprintf("%s learned %s, a server outside, by asking it over %s", c.From.Tenant, asked(c), c.Attempt.Lookup.Over)
	}
	return fmt.Sprintf("%s learned %s by asking the cluster's resolver over %s, which answers everybody",
		c.From.Who(), asked(c), c.Attempt.Lookup.Over)
}

// toldAtMost is how many tenants a sweep's leak names.
const toldAtMost = 5

func sweepLeak(c Case) string {
	var all []string
	for _, s := range c.Rounds {
		all = append(all, s.Told...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	whose := strings.Join(all[:min(len(all), toldAtMost)], ", ")
	if more := len(all) - toldAtMost; more > 0 {
		whose += fmt.Sprintf(" and %d more tenants", more)
	}
	return fmt.Sprintf("%s learned of Services of %s by asking the cluster's resolver whose %d addresses among those of Services are",
		c.From.Who(), whose, c.Rounds[0].Draws)
}

func asked(c Case) string {
	owner := c.To.Who()
	switch c.Attempt.Lookup.Of {
	case suites.PortRecord:
		return "the ports of a Service of " + owner
	case suites.HeadlessRecord:
		return "the address of a pod of " + owner + " by its name"
	case suites.PodRecord:
		return "that an address is one of " + owner + "'s pods"
	case suites.ReverseRecord:
		return "which Service of " + owner + " an address is"
	case suites.SweepRecord:
		return fmt.Sprintf("any Service of another tenant at %d addresses, some of them known to be such", c.Rounds[0].Draws)
	case suites.MixedRecord:
		return "the address of a Service of " + owner + " by its name in capital and small letters"
	case suites.SearchRecord:
		return "the address of a Service of " + owner + " by its name with a search path behind it"
	case suites.WildcardRecord:
		return "the addresses of Services of " + owner + " by a star in the place of their names"
	case suites.ElsewhereRecord:
		return "the address of a Service of " + owner + " by " + c.Attempt.Lookup.Server
	default:
		return "the address of a Service of " + owner
	}
}
