package verdicts

import (
	"slices"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// Rounds is how many times every attempt is made. One that gets through once
// is a leak; a denial must hold every time.
const Rounds = 2

// MinGap is the least time between the rounds of an attempt: identity and
// policy take time to reach every node after a pod has started.
const MinGap = 10 * time.Second

// StartupWindow is how long after its pods' start an attempt counts as made at
// start-up.
const StartupWindow = 10 * time.Second

// Case is one attempt with all that is known of it when it is to be judged.
type Case struct {
	Attempt  suites.Attempt
	From, To Side
	Rounds   []Seen
	// Problem says why the attempt could not be made at all, in the words of
	// whoever refused; empty where it could.
	Problem string
	// Interrupted says that the run ended before the attempt was made.
	Interrupted bool
	// Unsettled says why the walls of the two sides may not have been the same
	// in all rounds; empty where they were watched and stayed as they were.
	Unsettled string
	// Cause says why the cluster's own policies let the attempt through, which
	// only a leak asks; nil or empty where they do not tell.
	Cause func() string
	Rerun string
}

// Seen is what one round showed of an attempt.
type Seen struct {
	At      time.Time
	PodAge  time.Duration // of the younger pod when the attempt ended
	Draws   int           // connections that the round made; the outcome is of the one that got furthest
	Told    []string      // of a sweep: the tenants whose Services its answers named
	Outcome probes.Outcome
	// Observation is what the source saw; nil where it sent none, and Fault
	// says why.
	Observation *probes.Observation
	Fault       string
	Arrivals    Arrivals
	Control     Control
	Source      SourceControl
}

// Arrivals is what the target recorded in a round that counts against one
// attempt.
type Arrivals struct {
	// Certain came from the attempt's pod: its nonce, its socket, or its
	// address with nothing that says otherwise.
	Certain int
	// Possible came from where the attempt's address may have been rewritten
	// to: its node, or an address that nobody in the run is known by.
	Possible int
	From     string // an address of the possible ones
	// Proven says that the same collection shows the control's own arrival, so
	// that an empty one means that nothing came.
	Proven bool
	// Fault says why the receipts are no evidence: a restart, an overflow, a
	// target that could not be asked.
	Fault string
}

// SourceControl is the best that a round showed of the source's own way out.
type SourceControl struct {
	Outcome probes.Outcome // empty where there was none
	Rung    Rung
}

// Rules are the parts of the tenancy that judging needs.
type Rules struct {
	Denial       []probes.Outcome // that count as the promised denial; empty: any
	WeakControls bool
	Network      bool // the network has to hold by itself, whatever the mesh does
}

func (s Seen) throughOrNot() probes.Outcome {
	if !through(s.Outcome) && s.Arrivals.Certain > 0 {
		return probes.Received
	}
	return s.Outcome
}

// through says that something of the attempt arrived, or something came back
// that should not have.
func through(o probes.Outcome) bool {
	switch o {
	case probes.Reached, probes.Misrouted, probes.Disclosed, probes.Received:
		return true
	}
	return false
}

// Unanswered says that a source's resolver gave it no answer, as where a policy
// closes its way to the DNS. For itself that is no denial: the resolver may be
// down.
func Unanswered(outcome probes.Outcome, o *probes.Observation) bool {
	return outcome == probes.Error && o != nil && o.Phase == probes.PhaseResolve &&
		(o.DNS == probes.DNSTimeout || o.DNS == probes.DNSUnreachable)
}

// withoutResolver reads a resolver's silence as what it is to the source: the
// name does not resolve. Like every outcome that was made at the source it
// counts only beside a denial on the pod's own address, and only where a
// control from the same node had its answer.
func withoutResolver(c Case) Case {
	c.Rounds = slices.Clone(c.Rounds)
	for i, s := range c.Rounds {
		if Unanswered(s.Outcome, s.Observation) {
			c.Rounds[i].Outcome = probes.Unresolved
		}
	}
	return c
}

// mayBeAtSource says that the outcome was, or may have been, made at the source.
// A mesh's proxy takes every connection of its pod, and ends those that it has no
// way for, as a target's proxy ends those that it denies.
func (c Case) mayBeAtSource(o probes.Outcome) bool {
	return atSource(o) || c.Attempt.From.Proxied && (o == probes.Closed || o == probes.Reset)
}

// atSource says that the outcome was made at the source itself, by its own
// proxy, its resolver or its node's rules.
func atSource(o probes.Outcome) bool {
	return o == probes.Unresolved || o == probes.Blackholed
}
