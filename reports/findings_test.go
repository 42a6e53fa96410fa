package reports

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

func findingsOf(t *testing.T, rec *verdicts.Record, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Findings(&b, rec, opt))
	return b.String()
}

func TestFindingsAreFewAndInOrder(t *testing.T) {
	out := findingsOf(t, fakeRun(5), Options{})
	last := -1
	for _, head := range []string{
		"✗ LEAK, high: acme -> globex, network/tcp, 6 attempts\n    acme reached globex over TCP: the genuine target answered\n    Remedy: in namespace web",
		"! broken: globex -> acme, network/http, 1 attempt\n",
		"! broken: globex -> acme, network/tcp, 1 attempt\n",
		"? inconclusive: umbrella -> acme, network/http, 1 attempt\n",
		"~ leak below the fail threshold, low: initech -> acme, network/http, 1 attempt\n",
		"e excepted, high: hooli -> acme, network/http, 1 attempt\n    accepted by network-team until 2027-03-31: split-horizon DNS lands in Q2\n",
		"Controls: 144 of 144 reached, as they must.\n",
	} {
		at := strings.Index(out, head)
		assert.Greater(t, at, last, head)
		last = at
	}
	assert.Contains(t, out, "\n    Again: partywall run --only 'network/tcp/acme.web->globex.web/target-1/service-name:9007/cross-node/bare' --keep\n",
		"the command stands on one line, to be copied")
}

func TestFindingsPutTheWorstFirst(t *testing.T) {
	var rec verdicts.Record
	for _, severity := range []string{"low", "critical", "", "medium"} {
		r := fakeResult("acme", "to-"+severity, "tcp", 0)
		leaks(&r)
		r.Severity = severity
		rec.Results = append(list(&rec), r)
	}
	var got []string
	for _, f := range findings(&rec) {
		got = append(got, f.severity)
	}
	assert.Equal(t, []string{"critical", "medium", "low", ""}, got)
}

func TestFindingsTellAFewReasons(t *testing.T) {
	var rec verdicts.Record
	for i := range 10 {
		r := fakeResult("acme", "globex", "tcp", i)
		leaks(&r)
		r.Why = fmt.Sprint("reason ", i/2)
		rec.Results = append(list(&rec), r)
	}
	assert.Contains(t, findingsOf(t, &rec, Options{}),
		"10 attempts\n    reason 0\n    reason 1\n    reason 2\n    and for 2 more reasons\n    Remedy: ")
}

func TestFindingsAreBounded(t *testing.T) {
	var rec verdicts.Record
	for i := range 500 {
		r := fakeResult("acme", fmt.Sprint("tenant-", i), "tcp", 0)
		leaks(&r)
		rec.Results = append(list(&rec), r)
		rec.Summary.NotRun = append(rec.Summary.NotRun, fmt.Sprint("not run ", i))
	}
	out := findingsOf(t, &rec, Options{})
	assert.Equal(t, 20, strings.Count(out, "LEAK"))
	assert.Contains(t, out, "And 480 more findings; results.json has them all.\n")
	assert.Contains(t, out, "Not run: and 480 more; results.json has them all\n")
}

func TestFindingsTellOfTheRun(t *testing.T) {
	rec := &verdicts.Record{Results: verdicts.List{}, Summary: verdicts.Summary{
		NotRun: []string{"hooli: no quota left"}, Notes: []string{"the exception of line 12 expired"},
		Sensitivity: verdicts.Sensitivity{Controls: 4, Reached: 3},
	}}
	assert.Equal(t, "\nNot run: hooli: no quota left\nNote: the exception of line 12 expired\n"+
		"Controls: 3 of 4 reached; what rests on the others is no evidence.\n", findingsOf(t, rec, Options{}))
	assert.Equal(t, "\nControls: none were judged, so nothing shows that this run would have seen a\nleak between probes.\n",
		findingsOf(t, &verdicts.Record{Results: verdicts.List{}}, Options{}))
}

func TestFindingsNameAnAttemptWithoutACommand(t *testing.T) {
	r := fakeResult("acme", "globex", "tcp", 0)
	leaks(&r)
	r.ID, r.Rerun = "network/tcp/x", ""
	rec := &verdicts.Record{Results: verdicts.List{r}}
	assert.Contains(t, findingsOf(t, rec, Options{}), "    Attempt: network/tcp/x\n")
	list(rec)[0].Rerun = "partywall run"
	assert.Contains(t, findingsOf(t, rec, Options{}), "    Attempt: network/tcp/x\n    Again: partywall run\n")
}

func TestFindingsOfHostileStrings(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			out := findingsOf(t, hostileRecord(s), Options{})
			assert.Equal(t, harmlessText(out), out)
			coloured := findingsOf(t, hostileRecord(s), Options{Colour: true})
			for _, c := range []string{red, yellow, magenta, cyan, green, plain} {
				coloured = strings.ReplaceAll(coloured, c, "")
			}
			assert.Equal(t, out, coloured, "colour adds nothing but colour")
		})
	}
}
