package reports

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	gojunit "github.com/joshdk/go-junit"

	"github.com/partywall/partywall/verdicts"
)

// A record that is too large for a testcase an attempt has one a pair, each as
// bad as its worst attempt, and says so.
func TestAVeryLargeRecordHasATestcaseAPair(t *testing.T) {
	rec := &verdicts.Record{Results: verdicts.List{}}
	const each = condenseAbove/6 + 1
	pairs := []struct {
		from, to string
		odd      func(*verdicts.Result) // what one of its attempts is
		status   gojunit.Status
		message  string
	}{
		{"acme", "globex", func(r *verdicts.Result) { r.Verdict, r.Fails, r.Why = verdicts.Leak, true, "it got through" }, gojunit.StatusFailed, "1 of 3334 attempts: it got through"},
		{"acme", "initech", func(r *verdicts.Result) { r.Verdict, r.Fails, r.Why = verdicts.Broken, true, "it was stopped" }, gojunit.StatusFailed, "1 of 3334 attempts: it was stopped"},
		{"globex", "acme", func(r *verdicts.Result) { r.Verdict, r.Why = verdicts.Inconclusive, "no control" }, gojunit.StatusError, "1 of 3334 attempts: no control"},
		{"globex", "initech", func(r *verdicts.Result) { r.Verdict = verdicts.Skipped }, gojunit.StatusPassed, ""},
		{"initech", "acme", func(r *verdicts.Result) { r.Verdict, r.Fails = verdicts.Leak, false }, gojunit.StatusPassed, ""},
		{"initech", "globex", func(*verdicts.Result) {}, gojunit.StatusPassed, ""},
	}
	for _, p := range pairs {
		for k := range each {
			r := fakeResult(p.from, p.to, "tcp", k)
			r.Verdict, r.Fails = verdicts.Isolated, false
			if k == each/2 {
				p.odd(&r)
			}
			rec.Results = append(list(rec), r)
		}
	}
	require.True(t, condensed(rec))
	file := junitOf(t, rec)
	validate(t, file)
	list, tests := parse(t, file)
	assertAttributesAgree(t, file, list)
	require.Len(t, tests, len(pairs))
	for _, p := range pairs {
		got, ok := tests[fmt.Sprintf("%s -> %s: network, %d attempts", p.from, p.to, each)]
		require.True(t, ok, "%s -> %s", p.from, p.to)
		assert.Equal(t, p.status, got.Status, got.Name)
		if p.message != "" {
			require.Error(t, got.Error)
			assert.Contains(t, got.Message, p.message)
			assert.Contains(t, got.Error.Error(), fmt.Sprintf("%d isolated", each-1))
		}
	}
	assert.Contains(t, string(file), fmt.Sprintf(`name="partywall.condensed" value="a testcase a pair, since %d attempts are more than %d`, rec.Results.Len(), condenseAbove))
	assert.Less(t, len(file), 100_000)
	assert.NotContains(t, string(junitOf(t, fakeRun(3))), "partywall.condensed")
}
