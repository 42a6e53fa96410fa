package reports

import (
	"fmt"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// condenseAbove is how many testcases a file may have: readers hold all of them
// in memory. A record of more results becomes a testcase a pair.
const condenseAbove = 20_000

// mostAccounts is how many attempts of a pair are told in full.
const mostAccounts = 10

// mostOfAll is how many attempts of a file are told in full.
const mostOfAll = 20_000

// condensed says that the record is too large for a testcase an attempt.
func condensed(rec *verdicts.Record) bool { return rec.Results.Len() > condenseAbove }

// pairKey is what the attempts of one condensed testcase have in common.
type pairKey struct {
	suite, from, to, service string
	out                      bool
}

func pairOf(r *verdicts.Result) pairKey {
	return pairKey{r.Suite, r.From.Who(), r.To.Who(), r.Service, r.Out}
}

// pairCase is all results of a pair as one testcase, which fails where any of
// them does, and is an error where none fails and any is inconclusive. Of what
// it has to tell of it keeps the words on the first few, and counts the others.
type pairCase struct {
	suite, pair string
	n           int
	ms          int64
	counts      [classCount]int
	why         [classCount]string // of the first
	told        [classCount][]string
}

// add takes a result in, and tells of it in full while the file has room.
func (p *pairCase) add(r *verdicts.Result, room *int) {
	k := classOf(r)
	p.n++
	p.ms += milliseconds(r)
	p.counts[k]++
	if k == classIsolated || k == classUnreached || k == classAllowed {
		return
	}
	if p.why[k] == "" {
		p.why[k] = r.Why
	}
	if len(p.told[k]) < mostAccounts && *room > 0 {
		p.told[k] = append(p.told[k], fmt.Sprintf("\n%s\n%s", line(r.ID), account(r)))
		*room--
	}
}

func (p *pairCase) testcase() *testcase {
	c := &testcase{Classname: "partywall." + p.suite, Name: p.pair + ", " + plural(p.n, "attempt"), Time: seconds(p.ms), ms: p.ms}
	set := func(kind verdicts.Verdict, of ...class) *problem {
		return &problem{Type: string(kind), Message: p.message(of), Body: text(p.body(of))}
	}
	switch {
	case p.counts[classLeak] > 0:
		c.Failure = set(verdicts.Leak, classLeak, classBroken)
	case p.counts[classBroken] > 0:
		c.Failure = set(verdicts.Broken, classBroken)
	case p.counts[classInconclusive] > 0:
		c.Error = set(verdicts.Inconclusive, classInconclusive)
	case p.counts[classExcepted] > 0:
		c.Skipped = set(verdicts.Excepted, classExcepted)
	case p.counts[classSkipped] == p.n:
		c.Skipped = set(verdicts.Skipped, classSkipped)
	case p.counts[classNoted] > 0:
		note := text(p.body([]class{classNoted}))
		c.SystemOut = &note
	}
	return c
}

func pairName(r *verdicts.Result) string {
	to := r.To.Who()
	if r.Service != "" && r.Service != to {
		to += " service " + r.Service
	}
	return fmt.Sprintf("%s -> %s: %s", word(r.From.Who()), word(to), word(r.Suite))
}

func (p *pairCase) message(of []class) string {
	n := 0
	for _, k := range of {
		n += p.counts[k]
	}
	return line(fmt.Sprintf("%d of %s: %s", n, plural(p.n, "attempt"), p.why[of[0]]))
}

// body counts everything and tells the first of what is told.
func (p *pairCase) body(of []class) string {
	var b strings.Builder
	for k, n := range p.counts {
		if n > 0 {
			fmt.Fprintf(&b, "%d %s\n", n, classes[k].meaning)
		}
	}
	left := mostAccounts
	more := 0
	for _, k := range of {
		told := p.told[k][:min(len(p.told[k]), left)]
		for _, words := range told {
			b.WriteString(words)
		}
		left -= len(told)
		more += p.counts[k] - len(told)
	}
	if more > 0 {
		fmt.Fprintf(&b, "\nand %d more; results.json has them all\n", more)
	}
	return b.String()
}
