package verdicts

import (
	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// ChangeKind is what became of an attempt from one run to a later one.
type ChangeKind string

// The kinds, the worst first.
const (
	NewlyLeaking  ChangeKind = "newly-leaking"  // leaks, and did not, or fails now by its leak
	NewlyBroken   ChangeKind = "newly-broken"   // declared, and blocked now
	NewlyUntested ChangeKind = "newly-untested" // there was evidence, and now there is none
	NewlyIsolated ChangeKind = "newly-isolated" // as it should be, and was not before, or not by any evidence
	NewlyPlanned  ChangeKind = "newly-planned"  // was not there before, and neither leaks nor is broken
	Changed       ChangeKind = "changed"        // anything else: its outcome, its grade, its cause, what is expected
)

// ChangeKinds are all of them, the worst first.
var ChangeKinds = []ChangeKind{NewlyLeaking, NewlyBroken, NewlyUntested, NewlyIsolated, NewlyPlanned, Changed}

// Change is an attempt of which two runs say different things.
type Change struct {
	Kind       ChangeKind `json:"kind"`
	Regression bool       `json:"regression"`
	ID         string     `json:"id"`
	Suite      string     `json:"suite"`
	Check      string     `json:"check"`
	From       string     `json:"from"`
	To         string     `json:"to"`
	Old        *State     `json:"old,omitempty"` // none: it was not there
	New        *State     `json:"new,omitempty"` // none: it is not there
	Why        string     `json:"why"`           // as the later run tells, or why that does not
	Remedy     string     `json:"remedy,omitempty"`
	Rerun      string     `json:"rerun,omitempty"`
}

// State is what of a result is held against another run's. What differs from
// night to night without a meaning, such as times and pods, is not there.
type State struct {
	Verdict   Verdict            `json:"verdict"`
	Outcome   probes.Outcome     `json:"outcome,omitempty"`
	Grade     Grade              `json:"grade"`
	Expect    suites.Expectation `json:"expect"`
	Severity  string             `json:"severity,omitempty"` // of a leak
	Fails     bool               `json:"fails"`
	Startup   bool               `json:"startup,omitempty"`
	Exception Exception          `json:"exception,omitzero"`
	Cause     string             `json:"cause,omitempty"` // of a leak, where the cluster's policies told it
}

func stateOf(r *Result) State {
	s := State{Verdict: r.Verdict, Outcome: r.Outcome, Grade: r.Grade, Expect: r.Expect, Fails: r.Fails, Startup: r.Startup}
	if s.leaks() {
		s.Severity, s.Cause = r.Severity, r.Cause // what a leak would be is no news
	}
	if r.Exception != nil {
		s.Exception = *r.Exception
	}
	return s
}

// same says that two states tell the same. A cause that one of them does not know
// is no other cause.
func (s State) same(old State) bool {
	if s.Cause == "" || old.Cause == "" {
		s.Cause = old.Cause
	}
	return s == old
}

func (s State) leaks() bool { return s.Verdict == Leak || s.Verdict == Excepted }

func (s State) holds() bool {
	return s.Verdict == Isolated || s.Verdict == Unreached || s.Verdict == Allowed
}

// evidence says that the verdict rests on some. A verdict that this version
// does not know is never taken for one that does.
func (s State) evidence() bool { return s.leaks() || s.holds() || s.Verdict == Broken }

// known says that a failure is one that failed before in the same way, and no
// less badly.
func (s State) known(old *State) bool {
	return old != nil && old.Fails && old.Verdict == s.Verdict && !worse(s.Severity, old.Severity)
}

// worse takes a severity that it does not know for the worst.
func worse(now, before string) bool {
	if now == before {
		return false
	}
	n, errNow := tenancy.ParseSeverity(now)
	b, errBefore := tenancy.ParseSeverity(before)
	return errNow != nil || errBefore != nil || n > b
}

// kindOf says what became of an attempt, one of whose states may be missing,
// and whether that is a regression: that it fails and did not, or that the
// evidence is gone.
func kindOf(before, now *State) (kind ChangeKind, regression bool) {
	switch {
	case now == nil || !now.evidence():
		return withoutEvidence(before)
	case now.leaks():
		return bad(NewlyLeaking, before, now, before != nil && before.leaks())
	case now.Verdict == Broken:
		return bad(NewlyBroken, before, now, before != nil && before.Verdict == Broken)
	case before == nil:
		return NewlyPlanned, false
	case before.holds() || before.Expect != now.Expect:
		// A leak that the file declares since is no wall that was closed.
		return Changed, false
	}
	return NewlyIsolated, false
}

func withoutEvidence(before *State) (ChangeKind, bool) {
	switch {
	case before == nil:
		return NewlyPlanned, false
	case before.evidence():
		return NewlyUntested, true
	}
	return Changed, false
}

func bad(kind ChangeKind, before, now *State, already bool) (ChangeKind, bool) {
	regression := now.Fails && !now.known(before)
	if already && !regression {
		return Changed, false
	}
	return kind, regression
}
