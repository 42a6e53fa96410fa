package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// kindShown is how a kind of change is shown.
type kindShown struct {
	class  class // by which it is painted
	symbol string
	words  string
	most   int // how many groups of it are told
}

var kindsShown = map[verdicts.ChangeKind]kindShown{
	verdicts.NewlyLeaking:  {classLeak, "✗", "newly leaking", mostFindings},
	verdicts.NewlyBroken:   {classBroken, "!", "newly broken", mostFindings},
	verdicts.NewlyUntested: {classInconclusive, "?", "newly untested", mostFindings},
	verdicts.NewlyIsolated: {classIsolated, "✓", "newly as it should be", mostHolds},
	verdicts.NewlyPlanned:  {classSkipped, "+", "new in the plan", mostHolds},
	verdicts.Changed:       {classNoted, "~", "changed otherwise", mostHolds},
}

// Drift writes what changed from one run to a later one, for people: first
// whether the two may be held against each other at all, then the changes, the
// worst first, then their sum.
func Drift(w io.Writer, d *verdicts.Drift, opt Options) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "Earlier: %s\nLater:   %s\n", ranAt(d.Old), ranAt(d.New))
	for _, why := range d.Apart {
		writeWrapped(out, opt, "", opt.paint(classLeak, "NOT TO BE COMPARED")+": "+line(why))
	}
	writeSentences(out, opt, "Note: ", d.Notes)
	fmt.Fprintln(out)
	for _, kind := range verdicts.ChangeKinds {
		writeKind(out, groups(d.Changes, kind), kindsShown[kind], opt)
	}
	for _, sentence := range driftSentences(d) {
		writeWrapped(out, opt, "", sentence)
	}
	return out.Flush()
}

func ranAt(h verdicts.Header) string {
	return fmt.Sprintf("run %s, %s of %s, %s", word(h.Run), word(h.Tenancy), word(h.Context), h.Started.UTC().Format(time.DateTime))
}

// changeGroup is the changes of one pair and check that are the same.
type changeGroup struct {
	first *verdicts.Change
	how   string
	count int
}

// groups keeps the order of the changes, in which the worst comes first.
func groups(changes []verdicts.Change, kind verdicts.ChangeKind) []*changeGroup {
	type key struct{ from, to, suite, check, how, why string }
	var list []*changeGroup
	seen := map[key]*changeGroup{}
	for i := range changes {
		c := &changes[i]
		if c.Kind != kind {
			continue
		}
		k := key{c.From, c.To, c.Suite, c.Check, became(c), ""}
		if c.New == nil || kind == verdicts.NewlyUntested {
			k.why = c.Why // which is all that there is to say
		}
		if seen[k] == nil {
			seen[k] = &changeGroup{first: c, how: k.how}
			list = append(list, seen[k])
		}
		seen[k].count++
	}
	return list
}

func writeKind(w io.Writer, list []*changeGroup, shown kindShown, opt Options) {
	for _, g := range list[:min(len(list), shown.most)] {
		g.write(w, shown, opt)
	}
	if more := len(list) - shown.most; more > 0 {
		fmt.Fprintf(w, "And %s %s; -o json has them all.\n", plural(more, "more group"), shown.words)
	}
	if len(list) > 0 {
		fmt.Fprintln(w)
	}
}

func (g *changeGroup) write(w io.Writer, shown kindShown, opt Options) {
	c := g.first
	label := shown.symbol + " " + shown.words
	if c.New != nil && c.New.Severity != "" {
		label += ", " + word(c.New.Severity)
	}
	fmt.Fprintf(w, "%s: %s -> %s, %s, %s: %s\n", opt.paint(shown.class, label),
		line(c.From), line(c.To), line(c.Suite+"/"+c.Check), plural(g.count, "attempt"), line(g.how))
	if c.Kind == verdicts.NewlyPlanned || c.Kind == verdicts.NewlyIsolated {
		return // nothing is to be done
	}
	writeWrapped(w, opt, "    ", line(c.Why))
	if c.Remedy != "" && c.Kind != verdicts.Changed {
		writeWrapped(w, opt, "    ", "Remedy: "+line(c.Remedy))
	}
	fmt.Fprintln(w, again(&verdicts.Result{ID: c.ID, Rerun: c.Rerun}))
}

// became tells what of the two states differs.
func became(c *verdicts.Change) string {
	if c.Old == nil {
		return "was not there, is " + stateWords(c.New)
	}
	if c.New == nil {
		return "was " + stateWords(c.Old) + ", is not there"
	}
	before, now := stateWords(c.Old), stateWords(c.New)
	var more []string
	differ := func(what string, a, b any) {
		if a != b {
			more = append(more, fmt.Sprintf("%s was %v, is %v", what, a, b))
		}
	}
	differ("expected", c.Old.Expect, c.New.Expect)
	differ("evidence", c.Old.Grade, c.New.Grade)
	if c.Old.Severity != "" && c.New.Severity != "" {
		differ("severity", c.Old.Severity, c.New.Severity)
	}
	differ("accepted by", accepter(c.Old), accepter(c.New))
	if c.Old.Cause != "" && c.New.Cause != "" && c.Old.Cause != c.New.Cause {
		more = append(more, fmt.Sprintf("its cause was that %s, is that %s", c.Old.Cause, c.New.Cause))
	}
	if before != now {
		more = append([]string{"was " + before + ", is " + now}, more...)
	}
	return strings.Join(more, "; ")
}

func stateWords(s *verdicts.State) string {
	words := []string{string(s.Verdict)}
	if s.Verdict == verdicts.Leak && !s.Fails {
		words = append(words, "below the threshold")
	}
	if s.Startup {
		words = append(words, "at start-up")
	}
	if s.Outcome != "" {
		words = append(words, string(s.Outcome))
	}
	return words[0] + bracketed(words[1:])
}

func bracketed(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

func accepter(s *verdicts.State) string {
	if s.Exception == (verdicts.Exception{}) {
		return "nobody"
	}
	return s.Exception.Owner + " until " + s.Exception.Expires
}

// driftSentences sum a drift up.
func driftSentences(d *verdicts.Drift) []string {
	t := d.Totals
	sum := "Nothing changed"
	if len(d.Changes) > 0 {
		sum = strings.Join(kindCounts(t), ", ")
	}
	sentences := []string{fmt.Sprintf("%s; %d as before.", sum, t.Same), fmt.Sprintf("Regressions: %d.", t.Regressions)}
	if t.Known > 0 {
		sentences = append(sentences, fmt.Sprintf("Known failures, still there: %d.", t.Known))
	}
	if t.LeftOut > 0 {
		sentences = append(sentences, fmt.Sprintf("Left out of the later run by %s, and not looked for: %s of the earlier one.",
			line(strings.Join(d.New.Filters, " ")), plural(t.LeftOut, "result")))
	}
	if t.Inconclusive > 0 {
		sentences = append(sentences, "Without evidence either way in the later run: "+plural(t.Inconclusive, "result")+".")
	}
	if t.Incomplete {
		sentences = append(sentences, "The later run did not do all that it had to.")
	}
	return sentences
}

func kindCounts(t verdicts.DriftTotals) []string {
	var counts []string
	for _, kind := range verdicts.ChangeKinds {
		if n := t.Kinds[kind]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, kindsShown[kind].words))
		}
	}
	return counts
}
