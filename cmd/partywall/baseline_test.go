package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/verdicts"
)

func oneResult(run string, day int, v verdicts.Verdict) *verdicts.Record {
	rec := &verdicts.Record{
		Header:  verdicts.Header{Run: run, Tenancy: "prod", Context: "staging", Started: time.Date(2026, 11, day, 3, 0, 0, 0, time.UTC)},
		Results: verdicts.List{{ID: "network/udp/a", Suite: "network", Check: "udp", Verdict: v, Severity: "high", Fails: v == verdicts.Leak}},
	}
	rec.Summary = verdicts.Summarise(rec.Results, rec.Header.Started)
	return rec
}

func TestARunIsHeldAgainstItsBaseline(t *testing.T) {
	const leak, isolated, inconclusive = verdicts.Leak, verdicts.Isolated, verdicts.Inconclusive
	for name, tc := range map[string]struct {
		before, now verdicts.Verdict
		failOn      string
		want        int
		note        string
	}{
		"a known leak":                     {leak, leak, failOnRegression, 0, "held against run aaaa: regressions: 0; known failures: 1; the program ended by regressions alone, with 0"},
		"a known leak, and nobody asked":   {leak, leak, "", 1, "held against run aaaa: regressions: 0; known failures: 1"},
		"a new leak":                       {isolated, leak, failOnRegression, 1, "regressions: 1; known failures: 0; the program ended by regressions alone, with 1"},
		"without evidence, as before":      {inconclusive, inconclusive, failOnRegression, 3, "ended by regressions alone, with 3"},
		"without evidence now":             {isolated, inconclusive, failOnRegression, 1, "ended by regressions alone, with 1"},
		"without evidence, and not asked":  {isolated, inconclusive, "", 3, "regressions: 1"},
		"skipped, which alone would be 0":  {isolated, verdicts.Skipped, failOnRegression, 1, "ended by regressions alone, with 1"},
		"nothing but what is as it should": {isolated, isolated, failOnRegression, 0, "regressions: 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			require.NoError(t, reports.Write(reports.Spec{Format: reports.JSON{}, Path: "old.json"}, oneResult("aaaa", 1, tc.before)))
			var out, errs bytes.Buffer
			o := fakeRun(&out, &errs)
			o.baseline = baseline{path: "old.json", failOn: tc.failOn}
			require.NoError(t, o.baseline.read())
			record := oneResult("bbbb", 2, tc.now)
			require.NoError(t, o.baseline.check(record.Header))
			own := record.Summary.Exit

			drift, err := o.baseline.against(record)
			require.NoError(t, err)
			err = o.end(nil, drift, finished(t, o, record, "json=results.json"))
			assert.Equal(t, tc.want, exitOf(err))
			assert.Contains(t, out.String(), "Earlier: run aaaa")
			written, err := reports.Read("results.json")
			require.NoError(t, err)
			require.Len(t, written.Summary.Notes, 1)
			assert.Contains(t, written.Summary.Notes[0], tc.note)
			assert.Equal(t, own, written.Summary.Exit, "the record says what was found, whatever was known")
		})
	}
}

func TestWhatFailedIsNotPassedOverByABaseline(t *testing.T) {
	var out bytes.Buffer
	o := fakeRun(&out, &out)
	o.baseline.failOn = failOnRegression
	lost := cannotRun(errors.New("the disk is full"))
	assert.Equal(t, lost, o.end(nil, &verdicts.Drift{}, lost))
	plain := errors.New("cannot be")
	assert.Equal(t, plain, o.end(nil, &verdicts.Drift{}, plain))
	require.NoError(t, o.end(nil, &verdicts.Drift{}, &exit{code: 1}), "a failure that was known")
	assert.Equal(t, plain, o.end(nil, nil, plain), "without a baseline")
}

func TestABaselineOfSomethingElseExcusesNothing(t *testing.T) {
	past, err := verdicts.Remember(oneResult("aaaa", 1, verdicts.Leak))
	require.NoError(t, err)
	header := oneResult("bbbb", 2, verdicts.Leak).Header
	header.Context = "live"
	b := baseline{past: past}
	require.NoError(t, b.check(header), "it may be looked at")
	b.failOn = failOnRegression
	require.ErrorContains(t, b.check(header), `the context was "staging" and is "live"`)
	assert.Equal(t, exitUsage, exitOf(b.check(header)))
}

func TestResultsThatCannotBeHeldAgainstABaselineAreAnError(t *testing.T) {
	past, err := verdicts.Remember(oneResult("aaaa", 1, verdicts.Leak))
	require.NoError(t, err)
	record := oneResult("bbbb", 2, verdicts.Leak)
	record.Results = verdicts.List{{ID: "a"}, {ID: "a"}}
	_, err = (&baseline{past: past}).against(record)
	assert.Equal(t, exitCannotRun, exitOf(err))
}
