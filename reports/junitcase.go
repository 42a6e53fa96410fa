package reports

import (
	"fmt"
	"strings"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// How much of a string goes into a JUnit file. Readers hold such files in
// memory; results.json has the rest.
const (
	maxWord = 1 << 10
	maxLine = 4 << 10
	maxText = 64 << 10
)

func word(s string) string { return Harmless(bounded(s, maxWord)) }
func line(s string) string { return Harmless(bounded(s, maxLine)) }
func text(s string) body   { return body(harmlessText(bounded(s, maxText))) }

// junitCase is one result as a testcase.
func junitCase(r *verdicts.Result) *testcase {
	ms := milliseconds(r)
	c := &testcase{
		Classname: "partywall." + word(r.Suite) + "." + word(r.Check),
		Name:      caseName(r),
		Time:      seconds(ms),
		ms:        ms,
	}
	switch classOf(r) {
	case classLeak, classBroken:
		c.Failure = because(r, string(r.Verdict), r.Why)
	case classInconclusive:
		c.Error = because(r, string(verdicts.Inconclusive), r.Why)
	case classExcepted:
		c.Skipped = because(r, string(verdicts.Excepted), acceptance(r))
	case classSkipped:
		c.Skipped = because(r, string(verdicts.Skipped), r.Why)
	case classNoted:
		note := text(fmt.Sprintf("leak of severity %s, below the threshold of this run: %s", word(r.Severity), account(r)))
		c.SystemOut = &note
	}
	return c
}

// caseName ends in the id, which makes it unique and findable.
func caseName(r *verdicts.Result) string {
	to := r.To.Who()
	if r.Service != "" && r.Service != to {
		to += " service " + r.Service
	}
	if r.Outside != "" {
		to += " " + r.Outside
	}
	name := fmt.Sprintf("%s -> %s: %s", word(r.From.Who()), word(to), word(r.Check))
	if r.Address != "" {
		name += " by " + word(addressWords(r.Address))
	}
	if r.Port != 0 {
		name += fmt.Sprintf(", port %d", r.Port)
	}
	if r.Placement != "" {
		name += ", " + word(strings.ReplaceAll(string(r.Placement), "-", " "))
	}
	return name + " [" + line(r.ID) + "]"
}

func addressWords(a suites.Address) string {
	return strings.ReplaceAll(strings.ReplaceAll(string(a), "-ip", " IP"), "-", " ")
}

func because(r *verdicts.Result, kind, message string) *problem {
	if message == "" {
		message = "no reason was given"
	}
	return &problem{Type: kind, Message: line(message), Body: text(account(r))}
}

// acceptance says who took the leak on, and why.
func acceptance(r *verdicts.Result) string {
	if r.Exception == nil {
		return "accepted, but the record does not say by whom: " + r.Why
	}
	e := r.Exception
	return fmt.Sprintf("accepted by %s until %s: %s (%s)", e.Owner, e.Expires, e.Reason, r.Why)
}

// account is all that a reader needs who has nothing but this testcase: the
// cause, both sides' evidence, the remedy, and how to see it again.
func account(r *verdicts.Result) string {
	var b strings.Builder
	fmt.Fprintln(&b, Harmless(bounded(r.Why, maxLine)))
	if r.Verdict == verdicts.Excepted {
		fmt.Fprintln(&b, line(acceptance(r)))
	}
	fmt.Fprintf(&b, "\nExpected %s, outcome %s, evidence %s, severity %s\n",
		word(string(r.Expect)), orNone(word(string(r.Outcome))), orNone(word(string(r.Grade))), orNone(word(r.Severity)))
	fmt.Fprintf(&b, "From %s\nTo   %s\n", side(r.From), side(r.To))
	for i := range r.Evidence.Rounds {
		fmt.Fprintf(&b, "Round %d: %s\n", i+1, roundLine(&r.Evidence.Rounds[i], r.Address))
	}
	if r.Startup {
		fmt.Fprintln(&b, "Only in the first seconds of the pods' life")
	}
	if r.Cause != "" {
		fmt.Fprintf(&b, "Likely cause: %s\n", line(r.Cause))
	}
	if r.Remedy != "" {
		fmt.Fprintf(&b, "Remedy: %s\n", line(r.Remedy))
	}
	if r.Rerun != "" {
		fmt.Fprintf(&b, "See it again: %s\n", line(r.Rerun))
	}
	return b.String()
}

func side(s verdicts.Side) string {
	out := fmt.Sprintf("%s, namespace %s", word(s.Tenant), word(s.Namespace))
	if s.Workload != "" {
		out += ", shadow of " + word(s.Workload)
	}
	if s.Pod != "" {
		out += ", pod " + word(s.Pod)
	}
	if s.Node != "" {
		out += ", node " + word(s.Node)
	}
	if s.Sidecar {
		out += ", with a sidecar"
	}
	return out
}

// roundLine tells what each side saw in one round.
func roundLine(r *verdicts.Round, address suites.Address) string {
	out := fmt.Sprintf("%s, source saw %s", r.At.UTC().Format("15:04:05.000Z"), orNone(word(string(r.Outcome))))
	if r.Phase != "" {
		out += " in phase " + word(string(r.Phase))
	}
	out += fmt.Sprintf(" after %.1f ms", r.MS)
	if r.Error != "" {
		out += " (" + line(r.Error) + ")"
	}
	if address != suites.DryRun { // which arrives at no target
		out += fmt.Sprintf("; target has %d receipts", r.Receipts)
	}
	out += fmt.Sprintf("; control %s before, %s during, %s after (%s)",
		orNone(word(string(r.Control.Before))), orNone(word(string(r.Control.During))), orNone(word(string(r.Control.After))), orNone(word(string(r.Control.Rung))))
	if r.Control.Error != "" {
		out += ": " + line(r.Control.Error)
	}
	if r.Source != "" {
		out += "; source control " + word(string(r.Source))
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
