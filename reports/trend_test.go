package reports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/partywall/partywall/verdicts"
)

var firstNight = time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)

// keepNight writes the record of a night into a folder.
func keepNight(t *testing.T, folder string, i int, change func(rec *verdicts.Record)) {
	t.Helper()
	rec := fakeRun(3)
	all := list(rec)
	for k := range all { // nothing of the fake's own holes
		all[k].Verdict, all[k].Outcome, all[k].Fails, all[k].Exception = verdicts.Isolated, "dropped", false, nil
	}
	rec.Header.Run, rec.Header.Started = fmt.Sprintf("run%d", i), firstNight.AddDate(0, 0, i)
	if change != nil {
		change(rec)
	}
	planned := rec.Summary
	rec.Summary = verdicts.Summarise(rec.Results, rec.Header.Started.Add(time.Minute))
	rec.Summary.Sensitivity = planned.Sensitivity
	path := filepath.Join(folder, fmt.Sprintf("night-%d", i), "results.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, Write(Spec{JSON{}, path}, rec))
}

func leaksAt(k int) func(*verdicts.Record) {
	return func(rec *verdicts.Record) { leaks(&list(rec)[k]) }
}

// A history is in the order of its runs, whatever their files are called, and
// tells since when a wall is open.
func TestHistory(t *testing.T) {
	folder := t.TempDir()
	for i, change := range []func(*verdicts.Record){nil, leaksAt(0), nil, leaksAt(0), leaksAt(0)} {
		keepNight(t, folder, i, change)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a.json"), []byte(`{"kind":"Pod"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("x"), 0o600))
	copied, err := os.ReadFile(filepath.Join(folder, "night-1", "results.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "copy.json"), copied, 0o600))

	h, err := ReadHistory(folder)
	require.NoError(t, err)
	require.Len(t, h.Nights, 5, "a run that is there twice counts once")
	require.Len(t, h.Skipped, 1)
	assert.Contains(t, h.Skipped[0], "a.json")
	var ended, since []string
	for _, n := range h.Nights {
		r := rowOf(n)
		ended, since = append(ended, r.Ended), append(since, r.Since)
	}
	assert.Equal(t, []string{"held", "failed", "held", "failed", "failed"}, ended)
	assert.Equal(t, []string{"", "1 newly leaking", "1 newly as it should be", "1 newly leaking", "nothing changed"}, since)
	ways := h.notHeld()
	require.Len(t, ways, 1)
	assert.Equal(t, []int{3, 4}, []int{ways[0].since, ways[0].last})

	var b bytes.Buffer
	require.NoError(t, Trend(&b, h))
	assert.Equal(t, 5, strings.Count(b.String(), " run"), b.String())
	assert.Contains(t, b.String(), "1 newly as it should be")
}

// Only a run that saw an attempt stopped closes what it got through by.
func TestWhatClosesAWall(t *testing.T) {
	w := way{"acme", "globex", "network"}
	type night map[string]class
	read := func(nights []night) []wayHistory {
		h := &History{ways: map[way]*wayHistory{}}
		for _, n := range nights {
			for id, k := range n {
				h.saw(w, &verdicts.Result{ID: id}, k)
			}
			h.end(Night{})
		}
		return h.notHeld()
	}
	for name, tc := range map[string]struct {
		nights []night
		since  int
	}{
		"held in between":              {[]night{{"a": classLeak}, {"a": classIsolated}, {"a": classLeak}}, 2},
		"held at last":                 {[]night{{"a": classLeak}, {"a": classBroken}, {"a": classUnreached}}, -1},
		"inconclusive in between":      {[]night{{"a": classLeak}, {"a": classInconclusive}, {"a": classNoted}}, 0},
		"inconclusive at last":         {[]night{{"a": classIsolated}, {"a": classLeak}, {"a": classInconclusive}}, 1},
		"skipped":                      {[]night{{"a": classLeak}, {"a": classSkipped}}, 0},
		"not there":                    {[]night{{"a": classLeak}, {}, {}}, 0},
		"another attempt held":         {[]night{{"a": classLeak}, {"b": classIsolated}}, 0},
		"one of two held":              {[]night{{"a": classLeak, "b": classLeak}, {"a": classIsolated, "b": classSkipped}}, 0},
		"both held, one by one":        {[]night{{"a": classLeak, "b": classLeak}, {"a": classIsolated}, {"b": classIsolated}}, -1},
		"one held, another got in":     {[]night{{"a": classLeak}, {"a": classIsolated, "b": classLeak}}, 0},
		"accepted":                     {[]night{{"a": classLeak}, {"a": classExcepted}}, -1},
		"accepted, but for another":    {[]night{{"a": classLeak, "b": classLeak}, {"a": classExcepted}}, 0},
		"declared and works":           {[]night{{"a": classLeak}, {"a": classAllowed}}, -1},
		"held before it was found":     {[]night{{"a": classIsolated}, {"a": classLeak}}, 1},
		"open again on the same night": {[]night{{"a": classLeak}, {"a": classIsolated}, {"b": classLeak}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			ways := read(tc.nights)
			require.Len(t, ways, 1)
			assert.Equal(t, tc.since, ways[0].since)
		})
	}
	assert.Empty(t, read([]night{{"a": classInconclusive}}), "it was never seen open")
}

func TestAHistoryIsOfOneThing(t *testing.T) {
	folder := t.TempDir()
	_, err := ReadHistory(folder)
	require.ErrorContains(t, err, "has no record of a run")
	keepNight(t, folder, 0, nil)
	keepNight(t, folder, 1, func(rec *verdicts.Record) { rec.Header.Context = "another" })
	_, err = ReadHistory(folder)
	require.ErrorContains(t, err, "a history is of one tenancy on one context")
	assert.ErrorContains(t, err, "night-1")
	_, err = ReadHistory(filepath.Join(folder, "nowhere"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// The page has no program, and nothing that a tenant chose is more than text.
func TestTrendPage(t *testing.T) {
	folder := t.TempDir()
	name := `<script>alert(1)</script>` + "\u202e" + `"'>&]]>`
	for i := range 3 {
		keepNight(t, folder, i, func(rec *verdicts.Record) {
			rec.Header.Tenancy = name
			r := &list(rec)[0]
			leaks(r)
			r.From.Tenant, r.To.Tenant = name, name+"2"
		})
	}
	h, err := ReadHistory(folder)
	require.NoError(t, err)
	h.Skipped = []string{name}
	path := filepath.Join(folder, "trend.html")
	require.NoError(t, SaveTrend(path, h))
	require.NoError(t, SaveTrend(path, h), "it takes the place of an earlier one")
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(page), "\u202e")
	doc, err := html.Parse(bytes.NewReader(page))
	require.NoError(t, err)
	marks := 0
	for n := range doc.Descendants() {
		assert.NotEqual(t, "script", n.Data)
		for _, a := range n.Attr {
			assert.False(t, a.Key == "style" || a.Key == "src" || strings.HasPrefix(a.Key, "on") || a.Key == "href" && !strings.HasPrefix(a.Val, "#"), "%s=%s", a.Key, a.Val)
		}
		if n.Data == "rect" {
			marks++
		}
	}
	assert.Equal(t, 3+3, marks, "a column a run, and a mark a run for the one wall")
	assert.Contains(t, string(page), "open since 2026-11-01 02:00, for 3 runs")
	assert.Contains(t, string(page), "The walls do not hold: 1 attempt failed in the latest run")

	theirs := filepath.Join(folder, "theirs.html")
	require.NoError(t, os.WriteFile(theirs, []byte("<!DOCTYPE html><title>mine</title>"), 0o600))
	assert.ErrorContains(t, SaveTrend(theirs, h), "is no trend of Partywall's")
}

// A latest run that did not try again what was open before proves nothing of it.
func TestTheLatestRunTriedLess(t *testing.T) {
	folder := t.TempDir()
	keepNight(t, folder, 0, leaksAt(0))
	keepNight(t, folder, 1, func(rec *verdicts.Record) { rec.Results = list(rec)[1:] })
	h, err := ReadHistory(folder)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, WriteTrend(&b, h))
	assert.Contains(t, b.String(), "Not proven: the latest run found nothing, but has no evidence of all that got through 1 wall before")
	assert.Contains(t, b.String(), "open since 2026-11-01 02:00, for 2 runs")
}

// However long a history is, its page stays one.
func TestALongHistory(t *testing.T) {
	h := &History{Tenancy: "shop", ways: map[way]*wayHistory{}}
	for i := range mostNights + 30 {
		n := Night{Header: verdicts.Header{Run: fmt.Sprint(i), Started: firstNight.AddDate(0, 0, i)}, Results: 1}
		n.counts[classLeak] = 1
		h.Nights = append(h.Nights, n)
	}
	for i := range mostWays + 5 {
		w := way{"a", fmt.Sprint(i), "network"}
		h.ways[w] = &wayHistory{way: w, nights: map[int]class{i: classLeak}, last: i}
	}
	var b bytes.Buffer
	require.NoError(t, WriteTrend(&b, h))
	assert.Contains(t, b.String(), "30 earlier runs not shown")
	assert.Contains(t, b.String(), "5 more walls not shown")
	assert.Less(t, b.Len(), 15<<20)
}
