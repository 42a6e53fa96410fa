package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// fakeDrift is what becomes of a fake run that another changes.
func fakeDrift(t *testing.T, n int, change func(*verdicts.Record)) *verdicts.Drift {
	t.Helper()
	before, now := fakeRun(n), fakeRun(n)
	now.Header.Run, now.Header.Started = "8d20ab", began.AddDate(0, 0, 1)
	change(now)
	d, err := verdicts.Compare(before, now)
	require.NoError(t, err)
	return d
}

func drifted(t *testing.T, d *verdicts.Drift) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Drift(&b, d, Options{Width: 200}))
	return b.String()
}

func TestDriftTellsEachHoleOnce(t *testing.T) {
	d := fakeDrift(t, 3, func(rec *verdicts.Record) {
		for i := range list(rec) {
			r := &list(rec)[i]
			switch {
			case r.From.Tenant == "globex" && r.To.Tenant == "umbrella" && r.Check == "udp":
				leaks(r)
			case r.From.Tenant == "acme" && r.To.Tenant == "globex" && r.Check == "tcp":
				r.Verdict, r.Fails = verdicts.Isolated, false
			}
		}
	})
	out := drifted(t, d)
	assert.Contains(t, out, "✗ newly leaking, high: globex -> umbrella, network/udp, 6 attempts: was isolated (dropped), is leak (reached)\n")
	assert.Equal(t, 1, strings.Count(out, "newly leaking, high"))
	assert.Contains(t, out, "Remedy: in namespace web")
	assert.Contains(t, out, "Again: partywall run --only 'network/udp/globex.web->umbrella.web/")
	assert.Contains(t, out, "✓ newly as it should be: acme -> globex, network/tcp, 6 attempts: was leak (reached), is isolated (reached)\n")
	assert.Contains(t, out, "Known failures, still there: 2.\n", "the broken crossing")
}

func TestDriftSaysHowStatesDiffer(t *testing.T) {
	excepted := func(owner string) verdicts.State {
		return verdicts.State{Verdict: verdicts.Excepted, Exception: verdicts.Exception{Owner: owner, Expires: "2027-01-31"}}
	}
	for name, tc := range map[string]struct {
		old, new *verdicts.State
		want     string
	}{
		"new":          {nil, &verdicts.State{Verdict: verdicts.Isolated, Outcome: "dropped"}, "was not there, is isolated (dropped)"},
		"gone":         {&verdicts.State{Verdict: verdicts.Isolated}, nil, "was isolated, is not there"},
		"the outcome":  {&verdicts.State{Verdict: verdicts.Isolated, Outcome: "dropped"}, &verdicts.State{Verdict: verdicts.Isolated, Outcome: "refused"}, "was isolated (dropped), is isolated (refused)"},
		"the evidence": {&verdicts.State{Grade: verdicts.TwoSided}, &verdicts.State{Grade: verdicts.OneSided}, "evidence was two-sided, is one-sided"},
		"the promise":  {&verdicts.State{Expect: "denied"}, &verdicts.State{Expect: "allowed"}, "expected was denied, is allowed"},
		"the severity": {&verdicts.State{Severity: "low"}, &verdicts.State{Severity: "high"}, "severity was low, is high"},
		"it fails":     {&verdicts.State{Verdict: verdicts.Leak}, &verdicts.State{Verdict: verdicts.Leak, Fails: true, Startup: true}, "was leak (below the threshold), is leak (at start-up)"},
		"who accepted": {ptr(excepted("net")), ptr(excepted("sec")), "accepted by was net until 2027-01-31, is sec until 2027-01-31"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, became(&verdicts.Change{Old: tc.old, New: tc.new}))
		})
	}
}

func ptr[T any](v T) *T { return &v }

func TestDriftStaysShort(t *testing.T) {
	d := &verdicts.Drift{Totals: verdicts.DriftTotals{Kinds: map[verdicts.ChangeKind]int{verdicts.NewlyUntested: 50}, Regressions: 50}}
	for i := range 50 {
		d.Changes = append(d.Changes, verdicts.Change{
			Kind: verdicts.NewlyUntested, From: fmt.Sprintf("team-%d", i), Old: &verdicts.State{Verdict: verdicts.Isolated}, Why: "gone",
		})
	}
	out := drifted(t, d)
	assert.Equal(t, 20, strings.Count(out, "? newly untested"))
	assert.Contains(t, out, "And 30 more groups newly untested; -o json has them all.\n")
}

func TestDriftIsHarmless(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			d := fakeDrift(t, 2, func(rec *verdicts.Record) {
				rec.Header.Run, rec.Header.Tenancy, rec.Header.Context, rec.Header.FailOn = s, s, s, s
				r := list(rec)[:1]
				leaks(&r[0])
				r[0].ID, r[0].From.Tenant, r[0].To.Tenant, r[0].Why, r[0].Remedy, r[0].Rerun, r[0].Outcome = s, s, s, s, s, s, "x"
				rec.Summary.Unfinished("%s", s)
			})
			var b bytes.Buffer
			require.NoError(t, Drift(&b, d, Options{}))
			assert.False(t, strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && dangerous(r) }))
			b.Reset()
			require.NoError(t, DriftJSON(&b, d, 1))
			assert.False(t, strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && r < 0x10000 && dangerous(r) }))
			assert.True(t, json.Valid(b.Bytes()))
		})
	}
}

func TestDriftJSONHasEveryChange(t *testing.T) {
	d := fakeDrift(t, 4, func(rec *verdicts.Record) {
		rec.Results = list(rec)[18:]
		rec.Header.Filters = []string{"--suite=network"}
	})
	var b bytes.Buffer
	require.NoError(t, DriftJSON(&b, d, 1))
	var got struct {
		Head    driftHead
		Changes []verdicts.Change
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	assert.Equal(t, d.Changes, got.Changes)
	assert.Len(t, got.Changes, 18)
	assert.Equal(t, d.Totals, got.Head.Totals)
	assert.Equal(t, 1, got.Head.Exit)
	assert.Equal(t, "8d20ab", got.Head.New.Run)
}
