package reports

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/reports/controls"
	"github.com/partywall/partywall/verdicts"
)

// ClauseEvidence is what a run has to say to a clause. It may support it, and
// never satisfies it.
type ClauseEvidence struct {
	controls.Clause
	Finding string
	Ended   []CheckEnded // the checks that support it, of which the run has results
	Last    time.Time    // when the newest of this evidence was made
}

// CheckEnded is how the attempts of a check ended.
type CheckEnded struct {
	Check  string // suite/check
	Counts map[verdicts.Verdict]int
}

// What a run has to say to a clause.
const (
	clauseNotCovered = "not covered: no check supports it"
	clauseNoEvidence = "no evidence: nothing that supports it was tried, or nothing came of it"
	clauseAgainst    = "evidence against it"
	clauseInPart     = "supports it in part: not everything has evidence"
	clauseExcepted   = "supports it, but for leaks that somebody accepted"
	clauseSupports   = "supports it"
)

// Clauses holds a record against a framework, clause by clause.
func Clauses(rec *verdicts.Record, f *controls.Framework) ([]ClauseEvidence, error) {
	checks := checksSeen{}
	for r := range rec.Results.All() {
		checks.add(r)
	}
	if err := rec.Results.Err(); err != nil {
		return nil, err
	}
	return checks.clauses(f, rec.Summary.Partial), nil
}

// checksSeen are by suite/check.
type checksSeen map[string]*checkSeen

func (s checksSeen) add(r *verdicts.Result) {
	check := r.Suite + "/" + r.Check
	if s[check] == nil {
		s[check] = &checkSeen{counts: map[verdicts.Verdict]int{}}
	}
	s[check].add(r)
}

func (s checksSeen) clauses(f *controls.Framework, partial bool) []ClauseEvidence {
	var all []ClauseEvidence
	for _, clause := range f.Clauses {
		all = append(all, s.evidenceFor(clause, partial))
	}
	return all
}

// checkSeen is what there is of a check.
type checkSeen struct {
	counts map[verdicts.Verdict]int
	last   time.Time
}

func (c *checkSeen) add(r *verdicts.Result) {
	c.counts[r.Verdict]++
	for _, round := range r.Evidence.Rounds {
		if round.At.After(c.last) {
			c.last = round.At
		}
	}
}

func (s checksSeen) evidenceFor(clause controls.Clause, partial bool) ClauseEvidence {
	e, sum := ClauseEvidence{Clause: clause}, map[verdicts.Verdict]int{}
	for _, check := range slices.Sorted(maps.Keys(s)) {
		if !clause.Supports(check) {
			continue
		}
		seen := s[check]
		e.Ended = append(e.Ended, CheckEnded{check, seen.counts})
		for v, n := range seen.counts {
			sum[v] += n
		}
		if seen.last.After(e.Last) {
			e.Last = seen.last
		}
	}
	e.Finding = findingFor(clause, sum, partial)
	return e
}

// findingFor is the least that the evidence comes to. A way that is declared and
// blocked is a fault, and none of a wall.
func findingFor(clause controls.Clause, sum map[verdicts.Verdict]int, partial bool) string {
	walls := sum[verdicts.Isolated] + sum[verdicts.Unreached]
	switch {
	case len(clause.Checks) == 0:
		return clauseNotCovered
	case sum[verdicts.Leak] > 0:
		return clauseAgainst
	case walls == 0 && sum[verdicts.Excepted] == 0:
		return clauseNoEvidence
	case sum[verdicts.Inconclusive] > 0 || partial:
		return clauseInPart
	case sum[verdicts.Excepted] > 0:
		return clauseExcepted
	}
	return clauseSupports
}

// WriteClauses writes what a run has to say to a framework, for people.
func WriteClauses(w io.Writer, rec *verdicts.Record, f *controls.Framework, opt Options) error {
	clauses, err := Clauses(rec, f)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s %s, by run %s of %s, %s. Evidence supports a clause; whether the clause is met is an auditor's to say.\n\n",
		f.Name, f.Edition, word(rec.Header.Run), word(rec.Header.Tenancy), moment(rec.Header.Started))
	for i := range clauses {
		c := &clauses[i]
		writeWrapped(out, opt, "", fmt.Sprintf("%s: %s", c.ID, c.Finding))
		writeWrapped(out, opt, "    ", "About "+c.About+". Cadence: "+c.Cadence+".")
		for _, ended := range c.Ended {
			writeWrapped(out, opt, "    ", line(ended.Check)+": "+ended.Words())
		}
		if !c.Last.IsZero() {
			writeWrapped(out, opt, "    ", "Last evidence: "+c.LastMade())
		}
		if c.Needs != "" {
			writeWrapped(out, opt, "    ", "Needs besides: "+c.Needs)
		}
	}
	return out.Flush()
}

// Words are the counts, in the order in which they matter.
func (c CheckEnded) Words() string {
	var words []string
	for _, v := range []verdicts.Verdict{
		verdicts.Leak, verdicts.Broken, verdicts.Inconclusive, verdicts.Excepted, verdicts.Unreached, verdicts.Allowed, verdicts.Isolated, verdicts.Skipped,
	} {
		if n := c.Counts[v]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(words, ", ")
}

// LastMade is when the newest of the evidence was made, in words.
func (e ClauseEvidence) LastMade() string {
	if e.Last.IsZero() {
		return "none"
	}
	return moment(e.Last)
}
