package verdicts

import (
	"fmt"
	"strings"
	"time"

	"github.com/partywall/partywall/probes"
)

// Day is the moment that expiries are held against.
type Day = time.Time

func blank(c Case) Result {
	a := c.Attempt
	r := Result{
		ID: a.ID(), Suite: a.Suite, Check: a.Check, From: c.From, To: c.To,
		Service: a.Service, Out: a.Out, Outside: a.Outside, Address: a.Address, Protocol: a.Port.Protocol, Port: a.Port.Number,
		Placement: a.Placement, Expect: a.Expect, Grade: TwoSided,
		Severity: a.Severity.String(), Rerun: c.Rerun,
	}
	if a.OneSided() {
		r.Grade = OneSided
	}
	for _, s := range c.Rounds {
		r.Evidence.Rounds = append(r.Evidence.Rounds, s.record())
	}
	return r
}

func (s Seen) record() Round {
	r := Round{
		At: s.At, Outcome: s.throughOrNot(), Error: s.Fault, Control: s.Control,
		Source: s.Source.Outcome, SourceRung: s.Source.Rung,
		Receipts: s.Arrivals.Certain + s.Arrivals.Possible,
	}
	if o := s.Observation; o != nil {
		r.Phase, r.MS, r.Error = o.Phase, o.MS, o.Error
	}
	return r
}

func (r Result) as(v Verdict, why string) Result {
	r.Verdict, r.Why = v, why
	return r
}

func isolatedWhy(c Case) string {
	gap := c.Rounds[len(c.Rounds)-1].At.Sub(c.Rounds[0].At).Round(time.Second)
	why := fmt.Sprintf("nothing of %d attempts, %s apart, arrived at %s (%s); ", len(c.Rounds), gap, c.To.Who(), rounds(c))
	if rung := weakest(c, func(s Seen) Rung { return s.Control.Rung }, RungListener); rung == RungListener {
		why += "before, during and after each the same port answered only the target itself, which is a weak control"
	} else {
		why += fmt.Sprintf("the same port answered %s from %s, before, during and after each", controlWords(rung, c.To.Tenant), node(c))
	}
	for _, s := range c.Rounds {
		if s.Control.Address != "" {
			why += fmt.Sprintf(" (by its %s, since its resolver did not answer)", s.Control.Address)
			break
		}
	}
	if weakest(c, func(s Seen) Rung { return s.Source.Rung }, RungResolver) == RungResolver {
		why += "; of all that the source may reach only its resolver answered, which is a weak control"
	}
	return why
}

// weakest is the rung that the rounds rest on: the weak one where any does.
func weakest(c Case, of func(Seen) Rung, weak Rung) Rung {
	for _, s := range c.Rounds {
		if of(s) == weak {
			return weak
		}
	}
	return of(c.Rounds[0])
}

func node(c Case) string {
	if c.From.Node == "" {
		return "the same node"
	}
	return "the same node, " + c.From.Node
}

func controlWords(r Rung, tenant string) string {
	switch r {
	case RungSameNamespace:
		return tenant + "'s own pod"
	case RungSameTenant:
		return "another namespace of " + tenant
	default:
		return "a tenant that may"
	}
}

func leakWhy(c Case, o probes.Outcome) string {
	switch {
	case c.Attempt.Sweeps():
		return sweepLeak(c)
	case c.Attempt.Out:
		return wayOutLeak(c, o)
	case c.Attempt.Asks():
		return lookupLeak(c)
	case c.Attempt.Do == probes.DoKnown:
		return knownLeak(c)
	case c.Attempt.Do == probes.DoIdentity:
		return misnamed(c)
	case c.Attempt.Proxy != "":
		return fmt.Sprintf("%s had HTTP answered at port %d of a pod of %s, where no policy of the mesh stands before %s",
			c.From.Who(), c.Attempt.Port.Number, c.To.Who(), c.Attempt.Proxy)
	case c.Attempt.Do == probes.DoHead:
		return fmt.Sprintf("%s had HTTP HEAD answered by Service %s of %s on port %d%s, which the tenancy does not give it",
			c.From.Tenant, c.Attempt.Service, c.To.Tenant, c.Attempt.Port.Number, door(c.Attempt))
	case c.Attempt.Do == probes.DoICMP:
		return fmt.Sprintf("%s had its echo request answered at the address of a pod of %s", c.From.Tenant, c.To.Tenant)
	}
	how := fmt.Sprintf("%s port %d", strings.ToUpper(c.Attempt.Port.Protocol), c.Attempt.Port.Number)
	if c.Attempt.Service != "" {
		how += door(c.Attempt)
	} else if c.Attempt.Address.ByNode() {
		how += " by a port of " + nodeWords(c.Attempt.Address)
	}
	switch o {
	case probes.Reached:
		if c.Attempt.OneSided() {
			return fmt.Sprintf("%s reached %s on %s, which the tenancy does not give it", c.From.Who(), serviceWords(c), how)
		}
		return fmt.Sprintf("%s reached %s on %s: the attempt arrived and was answered", c.From.Who(), c.To.Who(), how)
	case probes.Misrouted:
		return fmt.Sprintf("%s asked for %s on %s and somebody else answered: the traffic is hijacked", c.From.Who(), c.To.Who(), how)
	case probes.Disclosed:
		return fmt.Sprintf("%s was refused by %s on %s, but bytes of the target arrived first", c.From.Who(), c.To.Who(), how)
	default:
		return fmt.Sprintf("%s saw a failure on %s of %s, but the target recorded its arrival: the way in is open", c.From.Who(), how, c.To.Who())
	}
}

// serviceWords are a real Service: a tenant's, which stands in its namespace, or
// one that is nobody's own.
func serviceWords(c Case) string {
	if c.Attempt.Suite == "services" {
		return fmt.Sprintf("Service %s of %s", c.Attempt.Service, c.To.Who())
	}
	return "the shared service " + c.To.Who()
}

// describe says in words what kind of denial an outcome is.
func describe(o probes.Outcome) string {
	switch o {
	case probes.Dropped:
		return "dropped without an answer"
	case probes.Refused:
		return "refused"
	case probes.Forbidden:
		return "forbidden by policy"
	case probes.Unresolved:
		return "the name does not resolve for it"
	default:
		return string(o)
	}
}

func rounds(c Case) string {
	var words []string
	for _, s := range c.Rounds {
		if w := describe(s.Outcome); len(words) == 0 || words[len(words)-1] != w {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", then ")
}

func failure(s Seen) string {
	if s.Observation != nil && s.Observation.Error != "" {
		return s.Observation.Error
	}
	if s.Fault != "" {
		return s.Fault
	}
	if s.Observation != nil && s.Observation.Status != 0 {
		return fmt.Sprintf("HTTP status %d, which neither the target nor a policy signed", s.Observation.Status)
	}
	return "no reason given"
}

func said(o probes.Outcome) string {
	if o == "" {
		return "nothing"
	}
	return string(o)
}
