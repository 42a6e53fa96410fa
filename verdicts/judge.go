package verdicts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// Judge gives one case its verdict. Beside is the verdict on the same attempt
// by the pod's own address, which alone can tell whether an outcome that was
// made at the source stands before a wall; empty where there is none.
func Judge(c Case, rules Rules, beside Verdict) Result {
	r := blank(c)
	switch {
	case c.Attempt.Skip != "":
		return r.as(Skipped, c.Attempt.Skip)
	case c.Interrupted:
		return r.as(Inconclusive, "not run: the run ended before this attempt was made")
	case c.Problem != "":
		return r.as(Inconclusive, "not tried: "+c.Problem)
	}
	if c.Attempt.AsksAdmission() {
		return judgeAdmission(r, c)
	}
	if c.Attempt.Expect == suites.Allowed {
		r.Outcome = worst(c.Rounds)
		return judgeAllowed(r, c, rules, beside)
	}
	c = withoutResolver(c)
	r.Outcome = worst(c.Rounds)
	return judgeDenied(r, c, rules, beside)
}

func judgeDenied(r Result, c Case, rules Rules, beside Verdict) Result {
	if through(r.Outcome) {
		return leak(r, c, rules)
	}
	if leak, is := heldByMeshAlone(r, c, rules); is {
		return leak
	}
	if c.Attempt.Do == probes.DoICMP {
		return judgeEcho(r, c, rules)
	}
	if why := noSCTP(c); why != "" {
		return r.as(Skipped, why)
	}
	if why := noName(c, r.Outcome); why != "" {
		return r.as(Skipped, why)
	}
	if why := closedToHeads(c); why != "" {
		return r.as(Skipped, why)
	}
	if why := incomplete(c); why != "" {
		return r.as(Inconclusive, why)
	}
	switch c.Attempt.Do {
	case probes.DoKnown:
		return r.as(Unreached, hidden(c))
	case probes.DoIdentity:
		return r.as(Unreached, named(c))
	}
	if c.Attempt.Out && !c.Attempt.Sweeps() {
		return judgeWayOut(r, c, rules)
	}
	if c.Attempt.Asks() {
		return judgeLookup(r, c, rules)
	}
	if why := unpromised(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	if why := noSource(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	if why := nobodyBySCTP(c); why != "" {
		return r.as(Skipped, why)
	}
	if why := nobodyByProxy(c); why != "" {
		return r.as(Skipped, why)
	}
	if why := nobodyByDoor(c, beside); why != "" {
		return r.as(Skipped, why)
	}
	if why := nobodyByNode(c, beside); why != "" {
		return r.as(Skipped, why)
	}
	if why := noControl(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	if why := madeAtSource(c, beside); why != "" {
		return r.as(Inconclusive, why)
	}
	if r.Grade != TwoSided {
		return r.as(Unreached, fmt.Sprintf("%s could not reach %s by any of %d connections a round: %s; %s could, before, during and after each; no witness of ours stands at the far end",
			c.From.Who(), c.To.Who(), c.Rounds[0].Draws, rounds(c), controlWords(c.Rounds[0].Control.Rung, c.To.Tenant)))
	}
	if why := unwitnessed(c); why != "" {
		return r.as(Inconclusive, why)
	}
	if i := slices.IndexFunc(c.Rounds, func(s Seen) bool { return c.mayBeAtSource(s.Outcome) }); i >= 0 && c.Attempt.From.Proxied {
		r.Grade = OneSided
		return r.as(Unreached, fmt.Sprintf("%s could not reach %s: round %d ended as %s, which its own proxy may have made, so that what the target "+
			"would answer to an identity that gets so far is not known; the same attempt without a proxy is isolated", c.From.Who(), c.To.Who(), i+1, c.Rounds[i].Outcome))
	}
	return r.as(Isolated, isolatedWhy(c))
}

func leak(r Result, c Case, rules Rules) Result {
	gotThrough := func(s Seen) bool { return through(s.throughOrNot()) }
	s := c.Rounds[slices.IndexFunc(c.Rounds, gotThrough)]
	r.Outcome = s.throughOrNot()
	once := atFirstOnly(c, gotThrough)
	stopped := once && r.Grade == TwoSided && stoppedLater(c, rules)
	if stopped && s.startsUp(c) {
		r.Startup = true
		r.Severity = c.Attempt.Severity.Down().String()
		return r.as(Leak, leakWhy(c, r.Outcome)+", but only in the first seconds of its pods' life; "+
			"the second round was stopped: "+describe(c.Rounds[1].Outcome))
	}
	why := leakWhy(c, r.Outcome)
	if once && c.Unsettled != "" {
		why += ", in the first round only; " + c.Unsettled
	}
	return r.as(Leak, why)
}

// atFirstOnly says that of all rounds, which can be read, the first alone was so.
func atFirstOnly(c Case, so func(Seen) bool) bool {
	return len(c.Rounds) == Rounds && incomplete(c) == "" && so(c.Rounds[0]) && !slices.ContainsFunc(c.Rounds[1:], so)
}

// startsUp says that a round was in the first seconds of its pods' life, in which
// a wall may not be up yet.
func (s Seen) startsUp(c Case) bool {
	return s.PodAge >= 0 && s.PodAge < StartupWindow && c.Unsettled == ""
}

// stoppedLater says that the rounds after the first would prove a wall by
// themselves. Whatever else keeps an attempt from getting through again, as a
// network that is down, shows no wall that was late.
func stoppedLater(c Case, rules Rules) bool {
	c.Rounds = c.Rounds[1:]
	for _, why := range []string{unpromised(c, rules), noSource(c, rules), noControl(c, rules), unwitnessed(c)} {
		if why != "" {
			return false
		}
	}
	return !slices.ContainsFunc(c.Rounds, func(s Seen) bool { return c.mayBeAtSource(s.Outcome) })
}

func judgeAllowed(r Result, c Case, rules Rules, beside Verdict) Result {
	if beside == Allowed && nameless(c, rules) {
		return r.as(Skipped, fmt.Sprintf("no resolver answers %s, so that it can use no name; by the pod's own address it is allowed, and works", c.From.Who()))
	}
	if why := incomplete(c); why != "" && !anyOutcome(c, probes.Misrouted) {
		return r.as(Inconclusive, why)
	}
	switch {
	case anyOutcome(c, probes.Misrouted):
		r.Outcome = probes.Misrouted
		return r.as(Leak, leakWhy(c, probes.Misrouted))
	case allOutcomes(c, probes.Reached):
		r.Outcome = probes.Reached
		return r.as(Allowed, fmt.Sprintf("declared (%s), and %s reached %s on port %d both times",
			c.Attempt.Reason, c.From.Who(), c.To.Who(), c.Attempt.Port.Number))
	}
	r.Outcome = blocked(c)
	if why := noSource(c, rules); why != "" {
		return r.as(Inconclusive, why)
	}
	if r.Grade == TwoSided {
		if why := noControl(c, rules); why != "" {
			return r.as(Inconclusive, why)
		}
	}
	if c.Attempt.Out && c.Attempt.Address.ByNode() {
		return r.as(Skipped, fmt.Sprintf("allowed (%s), but whoever is behind it may let nobody in: %s could not use %s: %s",
			c.Attempt.Reason, c.From.Who(), outside(c), rounds(c)))
	}
	if c.Attempt.Shadows() {
		return r.as(Skipped, fmt.Sprintf("declared (%s), but a workload may be walled off tighter than its tenant: %s could not use %s on port %d: %s",
			c.Attempt.Reason, c.From.Who(), c.To.Who(), c.Attempt.Port.Number, rounds(c)))
	}
	return r.as(Broken, fmt.Sprintf("declared (%s), but %s could not use %s on port %d: %s",
		c.Attempt.Reason, c.From.Who(), c.To.Who(), c.Attempt.Port.Number, rounds(c)))
}

// nameless says that the source's resolver never answered it, while it did
// answer the control on the same node.
func nameless(c Case, rules Rules) bool {
	for _, s := range c.Rounds {
		if !Unanswered(s.Outcome, s.Observation) {
			return false
		}
	}
	return len(c.Rounds) == Rounds && noControl(c, rules) == ""
}

// incomplete says what is missing before the rounds can be read at all.
func incomplete(c Case) string {
	if len(c.Rounds) < Rounds {
		return fmt.Sprintf("only %d of %d rounds were made", len(c.Rounds), Rounds)
	}
	for i, s := range c.Rounds {
		switch {
		case s.Observation == nil:
			return fmt.Sprintf("round %d: the source sent no observation: %s", i+1, s.Fault)
		case s.Outcome == probes.Error || s.Outcome == "":
			return fmt.Sprintf("round %d: the attempt itself failed, which is no denial: %s", i+1, failure(s))
		}
		if i > 0 && s.At.Sub(c.Rounds[i-1].At) < MinGap {
			return fmt.Sprintf("rounds %d and %d were less than %s apart", i, i+1, MinGap)
		}
	}
	return ""
}

func unpromised(c Case, rules Rules) string {
	if len(rules.Denial) == 0 {
		return ""
	}
	for i, s := range c.Rounds {
		if !slices.Contains(rules.Denial, s.Outcome) {
			return fmt.Sprintf("round %d was stopped (%s), but not by what promises.denial lists (%s): not the wall that was promised",
				i+1, s.Outcome, join(rules.Denial))
		}
	}
	return ""
}

// noSource says why the source may have been unable to reach anything at all.
func noSource(c Case, rules Rules) string {
	for i, s := range c.Rounds {
		switch {
		case s.Source.Outcome != probes.Reached:
			return fmt.Sprintf("round %d: nothing that the source pod may reach answered it, so that its own failure proves nothing", i+1)
		case s.Source.Rung == RungResolver && !rules.WeakControls:
			return fmt.Sprintf("round %d: of all that the source pod may reach only its resolver answered it, and the tenancy does not accept weak controls", i+1)
		}
	}
	return ""
}

// noControl says why the target may have been unable to answer anybody.
func noControl(c Case, rules Rules) string {
	for i, s := range c.Rounds {
		switch {
		case s.Control.Rung == RungNone || s.Control.Rung == "":
			return fmt.Sprintf("round %d: no probe that may reach the target stands on the source's node, so that nothing shows the target alive there", i+1)
		case s.Control.Rung == RungListener && !rules.WeakControls:
			return fmt.Sprintf("round %d: only the target's own listener answered, and the tenancy does not accept weak controls", i+1)
		case !s.Control.Reached():
			return fmt.Sprintf("round %d: the control on the same path (%s) ended as %s before, %s among the attempts and %s after: the target may not have been able to answer anybody",
				i+1, s.Control.Rung, said(s.Control.Before), said(s.Control.During), said(s.Control.After))
		}
	}
	return ""
}

// unwitnessed says why the target's silence is no evidence.
func unwitnessed(c Case) string {
	for i, s := range c.Rounds {
		a := s.Arrivals
		switch {
		case a.Fault != "":
			return fmt.Sprintf("round %d: the target's receipts are no evidence: %s", i+1, a.Fault)
		case !a.Proven:
			return fmt.Sprintf("round %d: the target's receipts do not show its control's arrival either, so that their silence proves nothing", i+1)
		case a.Possible > 0:
			return fmt.Sprintf("round %d: the target recorded %d arrivals from %s, which may be this attempt with its address rewritten", i+1, a.Possible, a.From)
		}
	}
	return ""
}

func madeAtSource(c Case, beside Verdict) string {
	for i, s := range c.Rounds {
		if !c.mayBeAtSource(s.Outcome) || beside == Isolated && !c.Attempt.Address.OfPod() {
			continue
		}
		said := fmt.Sprintf("round %d ended as %s, which was made at the source and says nothing about the wall", i+1, s.Outcome)
		switch {
		case c.Attempt.Service != "":
			return said
		case c.Attempt.From.Proxied:
			return fmt.Sprintf("round %d ended as %s, which the source's own proxy may have made; the same attempt without a proxy, "+
				"which should stand beside it, is %s", i+1, s.Outcome, besideWords(beside))
		}
		return said + "; the attempt on the pod's own address that should stand beside it is " + besideWords(beside)
	}
	return ""
}

func besideWords(v Verdict) string {
	if v == "" {
		return "missing"
	}
	return string(v)
}

// worst is the outcome that decides: the first that got through, or else the
// last round's.
func worst(rounds []Seen) probes.Outcome {
	var last probes.Outcome
	for _, s := range rounds {
		last = s.throughOrNot()
		if through(last) {
			return last
		}
	}
	return last
}

func anyOutcome(c Case, o probes.Outcome) bool {
	return slices.ContainsFunc(c.Rounds, func(s Seen) bool { return s.Outcome == o })
}

func allOutcomes(c Case, o probes.Outcome) bool {
	return !slices.ContainsFunc(c.Rounds, func(s Seen) bool { return s.Outcome != o })
}

func blocked(c Case) probes.Outcome {
	for _, s := range c.Rounds {
		if s.Outcome != probes.Reached {
			return s.throughOrNot()
		}
	}
	return probes.Reached
}

func join(outcomes []probes.Outcome) string {
	words := make([]string, len(outcomes))
	for i, o := range outcomes {
		words[i] = string(o)
	}
	return strings.Join(words, ", ")
}

// Threshold decides what a finding does to the run: whether it fails it, or
// whether somebody accepted it. Expired exceptions are named by note.
func Threshold(r Result, t *tenancy.Tenancy, today Day) (Result, string) {
	if r.Verdict == Broken {
		r.Fails = true
	}
	if r.Verdict != Leak {
		return r, ""
	}
	severity, _ := tenancy.ParseSeverity(r.Severity)
	r.Fails = severity >= t.FailOn
	note := ""
	for _, e := range t.Exceptions {
		if !e.Matches(r.ID) {
			continue
		}
		if e.Expired(today) {
			note = fmt.Sprintf("the exception %q of %s expired on %s: what it accepted fails again", e.Match, e.Owner, e.Expires.Format("2006-01-02"))
			continue
		}
		r.Verdict, r.Fails = Excepted, false
		r.Exception = &Exception{Owner: e.Owner, Reason: e.Reason, Expires: e.Expires.Format("2006-01-02")}
		return r, ""
	}
	return r, note
}
