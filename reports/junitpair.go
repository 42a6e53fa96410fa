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

// condensed says that the record is too large for a testcase an attempt.
func condensed(rec *verdicts.Record) bool { return len(rec.Results) > condenseAbove }

// pairKey is what the attempts of one condensed testcase have in common.
type pairKey struct {
	suite, from, to, service string
	out                      bool
}

func pairOf(r *verdicts.Result) pairKey {
	return pairKey{r.Suite, r.From.Tenant, r.To.Tenant, r.Service, r.Out}
}

// pairCase is all results of a pair as one testcase, which fails where any of
// them does, and is an error where none fails and any is inconclusive.
func pairCase(results []*verdicts.Result) *testcase {
	first, ms := results[0], int64(0)
	byClass := map[class][]*verdicts.Result{}
	for _, r := range results {
		ms += milliseconds(r)
		byClass[classOf(r)] = append(byClass[classOf(r)], r)
	}
	c := &testcase{Classname: "partywall." + word(first.Suite), Name: pairName(first, len(results)), Time: seconds(ms), ms: ms}
	failed := append(byClass[classLeak], byClass[classBroken]...)
	set := func(kind string, told []*verdicts.Result) *problem {
		return &problem{Type: kind, Message: pairMessage(told, len(results)), Body: text(pairBody(byClass, told))}
	}
	switch {
	case len(failed) > 0:
		c.Failure = set(string(failed[0].Verdict), failed)
	case len(byClass[classInconclusive]) > 0:
		c.Error = set(string(verdicts.Inconclusive), byClass[classInconclusive])
	case len(byClass[classExcepted]) > 0:
		c.Skipped = set(string(verdicts.Excepted), byClass[classExcepted])
	case len(byClass[classSkipped]) == len(results):
		c.Skipped = set(string(verdicts.Skipped), byClass[classSkipped])
	case len(byClass[classNoted]) > 0:
		note := text(pairBody(byClass, byClass[classNoted]))
		c.SystemOut = &note
	}
	return c
}

func pairName(r *verdicts.Result, attempts int) string {
	to := r.To.Tenant
	if r.Service != "" && r.Service != to {
		to += " service " + r.Service
	}
	return fmt.Sprintf("%s -> %s: %s, %s", word(r.From.Tenant), word(to), word(r.Suite), plural(attempts, "attempt"))
}

func pairMessage(told []*verdicts.Result, all int) string {
	return line(fmt.Sprintf("%d of %s: %s", len(told), plural(all, "attempt"), told[0].Why))
}

// pairBody counts everything and tells the first of what is told.
func pairBody(byClass map[class][]*verdicts.Result, told []*verdicts.Result) string {
	var b strings.Builder
	for k := range classCount {
		if n := len(byClass[k]); n > 0 {
			fmt.Fprintf(&b, "%d %s\n", n, classes[k].meaning)
		}
	}
	for _, r := range told[:min(len(told), mostAccounts)] {
		fmt.Fprintf(&b, "\n%s\n%s", line(r.ID), account(r))
	}
	if more := len(told) - mostAccounts; more > 0 {
		fmt.Fprintf(&b, "\nand %d more; results.json has them all\n", more)
	}
	return b.String()
}
