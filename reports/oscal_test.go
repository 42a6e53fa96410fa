package reports

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/defenseunicorns/go-oscal/src/pkg/validation"
	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-1-3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// assessmentOf writes a record and has it validated by NIST's own schema.
func assessmentOf(t *testing.T, rec *verdicts.Record) *oscal.AssessmentResults {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, OSCAL{}.Write(&b, rec))
	assert.True(t, OSCAL{}.Wrote(bytes.NewReader(b.Bytes())))
	v, err := validation.NewValidator(b.Bytes())
	require.NoError(t, err)
	require.NoError(t, v.Validate(), "%+v", b.String())
	bad, err := validation.NewValidator(bytes.Replace(b.Bytes(), []byte(`"title"`), []byte(`"titel"`), 1))
	require.NoError(t, err)
	require.Error(t, bad.Validate(), "a validator that takes anything")
	var models oscal.OscalModels
	decoder := json.NewDecoder(&b)
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&models))
	return models.AssessmentResults
}

func TestAssessmentResults(t *testing.T) {
	rec := fakeRun(3)
	leaks(&list(rec)[0])
	got := assessmentOf(t, rec)
	require.Len(t, got.Results, 1)
	result := got.Results[0]
	ids := map[string]string{}
	for _, o := range *result.Observations {
		assert.Empty(t, ids[o.UUID], "an id is one observation's")
		ids[o.UUID] = o.Title
		assert.Equal(t, []string{"TEST"}, o.Methods)
	}
	against := map[string]bool{}
	for _, f := range *result.Findings {
		against[f.Target.TargetId] = true
		assert.Equal(t, "not-satisfied", f.Target.Status.State, "no run satisfies a control")
		require.NotEmpty(t, *f.RelatedObservations)
		for _, related := range *f.RelatedObservations {
			assert.NotEmpty(t, ids[related.ObservationUuid])
		}
	}
	assert.True(t, against["ac-4.21_smt"], against)
	var controls []string
	for _, c := range *result.ReviewedControls.ControlSelections[0].IncludeControls {
		controls = append(controls, c.ControlId)
	}
	assert.Subset(t, controls, []string{"ac-3", "ac-4", "sc-7"})
	assert.NotContains(t, controls, "ca-8", "no check supports it")
	assert.Equal(t, got, assessmentOf(t, rec), "the same run is written the same")
}

// What a run supports has no finding, and one without results has no evidence.
func TestAssessmentResultsClaimNothing(t *testing.T) {
	rec := fakeRun(2)
	for i := range list(rec) {
		r := &list(rec)[i]
		r.Verdict, r.Fails, r.Exception = verdicts.Isolated, false, nil
	}
	assert.Nil(t, assessmentOf(t, rec).Results[0].Findings)
	for i := range list(rec) {
		list(rec)[i].Verdict = verdicts.Skipped
	}
	assert.Nil(t, assessmentOf(t, rec).Results[0].ReviewedControls.ControlSelections[0].IncludeControls, "what was skipped reviews nothing")
	empty := &verdicts.Record{Header: rec.Header, Results: verdicts.List(nil)}
	empty.Summary = verdicts.Summarise(empty.Results, time.Time{})
	got := assessmentOf(t, empty).Results[0]
	assert.Nil(t, got.Observations)
	assert.Nil(t, got.ReviewedControls.ControlSelections[0].IncludeControls)
}

func TestAssessmentResultsAreHarmless(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			rec := fakeRun(2)
			rec.Header.Tenancy, rec.Header.Context, rec.Header.Run, rec.Header.Server, rec.Header.Identity = s, s, s, s, s
			r := &list(rec)[0]
			leaks(r)
			r.From.Tenant, r.To.Tenant, r.Why, r.Remedy, r.Cause, r.Severity = s, s, s, s, s, s
			r.Exception = &verdicts.Exception{Owner: s, Reason: s, Expires: s}
			r.Verdict = verdicts.Excepted
			var b bytes.Buffer
			require.NoError(t, OSCAL{}.Write(&b, rec))
			assert.False(t, strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && dangerous(r) }))
			assessmentOf(t, rec)
		})
	}
}

func TestOSCALKnowsItsOwn(t *testing.T) {
	for _, text := range []string{"", "{}", `{"assessment-results":{"metadata":{}}}`, `{"assessment-results":{"metadata":{"props":[{"name":"tool","value":"Other"}]}}}`} {
		assert.False(t, OSCAL{}.Wrote(strings.NewReader(text)), text)
	}
}
