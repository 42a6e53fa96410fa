package reports

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/reports/controls"
	"github.com/partywall/partywall/verdicts"
)

var segmentation = &controls.Framework{ID: "x", Name: "X", Edition: "1", Clauses: []controls.Clause{
	{ID: "1", About: "walls", Cadence: "monthly", Checks: []string{"network/*"}, Needs: "a tester"},
	{ID: "2", About: "ways out", Cadence: "none given", Checks: []string{"egress/*"}},
	{ID: "3", About: "people", Cadence: "none given"},
}}

// A clause is told the least that its evidence comes to.
func TestAClauseIsNeverToldTooMuch(t *testing.T) {
	i, u, l, e, q, s := verdicts.Isolated, verdicts.Unreached, verdicts.Leak, verdicts.Excepted, verdicts.Inconclusive, verdicts.Skipped
	for _, tc := range []struct {
		name     string
		verdicts []verdicts.Verdict
		partial  bool
		want     string
	}{
		{"walls", []verdicts.Verdict{i, u, s}, false, clauseSupports},
		{"one leak", []verdicts.Verdict{i, l, q}, false, clauseAgainst},
		{"one without evidence", []verdicts.Verdict{i, q}, false, clauseInPart},
		{"a part of the plan", []verdicts.Verdict{i}, true, clauseInPart},
		{"an accepted leak", []verdicts.Verdict{i, e}, false, clauseExcepted},
		{"accepted leaks alone", []verdicts.Verdict{e}, false, clauseExcepted},
		{"nothing came of it", []verdicts.Verdict{q, s}, false, clauseNoEvidence},
		{"only what is declared", []verdicts.Verdict{verdicts.Allowed}, false, clauseNoEvidence},
		{"nothing was tried", nil, false, clauseNoEvidence},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := &verdicts.Record{Summary: verdicts.Summary{Partial: tc.partial}}
			var results verdicts.List
			for _, v := range tc.verdicts {
				results = append(results, verdicts.Result{Suite: "network", Check: "tcp", Verdict: v})
			}
			rec.Results = results
			clauses, err := Clauses(rec, segmentation)
			require.NoError(t, err)
			require.Len(t, clauses, 3)
			assert.Equal(t, tc.want, clauses[0].Finding)
			assert.Equal(t, clauseNoEvidence, clauses[1].Finding)
			assert.Equal(t, clauseNotCovered, clauses[2].Finding)
		})
	}
}

func TestTheLastEvidenceOfAClause(t *testing.T) {
	at := time.Date(2026, 11, 30, 4, 0, 0, 0, time.UTC)
	result := verdicts.Result{Suite: "network", Check: "tcp", Verdict: verdicts.Isolated}
	result.Evidence.Rounds = []verdicts.Round{{At: at}, {At: at.Add(10 * time.Second)}}
	clauses, err := Clauses(&verdicts.Record{Results: verdicts.List{result}}, segmentation)
	require.NoError(t, err)
	assert.Equal(t, at.Add(10*time.Second), clauses[0].Last)
	assert.Equal(t, "2026-11-30 04:00:10 UTC", clauses[0].LastMade())
	assert.Equal(t, "none", clauses[1].LastMade())
}

func TestThePageHasTheClausesThatWereAskedFor(t *testing.T) {
	rec := fakeRun(3)
	_, without := pageOf(t, rec)
	assert.NotContains(t, without, `id="clauses"`)
	root, _ := pageIn(t, HTML{Framework: segmentation}, rec)
	section := words(byID(t, root, "clauses"))
	for _, want := range []string{"X 1", "walls", "monthly", "a tester", "not covered: no check supports it", "an auditor's to say"} {
		assert.Contains(t, section, want)
	}
	assert.NotContains(t, section, "satisf")
}
