package reports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

func writeSpool(t *testing.T, path string, rec *verdicts.Record) {
	t.Helper()
	s, err := CreateSpool(path)
	require.NoError(t, err)
	require.NoError(t, s.Header(rec.Header))
	for _, r := range list(rec) {
		require.NoError(t, s.Observed(map[string]any{"id": r.ID, "round": 1}))
		require.NoError(t, s.Result(r))
	}
	require.NoError(t, s.Summary(rec.Summary))
	require.NoError(t, s.Close())
}

func smallRun() *verdicts.Record {
	rec := fakeRun(3)
	rec.Results = list(rec)[:3]
	rec.Header.Planned = 111
	rec.Summary = summarise(rec)
	return rec
}

func TestSpoolRoundTrip(t *testing.T) {
	rec := smallRun()
	path := filepath.Join(t.TempDir(), "not", "there", "yet", "results.jsonl")
	writeSpool(t, path, rec)
	writeSpool(t, path, rec) // a second run takes the first one's place
	got, err := Read(path)
	require.NoError(t, err)
	assert.Equal(t, rec, got)
}

func TestSpoolTornAtEveryByte(t *testing.T) {
	rec := smallRun()
	path := filepath.Join(t.TempDir(), "results.jsonl")
	writeSpool(t, path, rec)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range len(whole) {
		got, err := readSpool(bytes.NewReader(whole[:n]))
		require.NoError(t, err, "torn after %d bytes", n)
		lines := bytes.Count(whole[:n], []byte("\n"))
		results := bytes.Count(whole[:n], []byte("\n{\"result\""))
		if lines > 0 && whole[n-1] != '\n' && bytes.HasPrefix(whole[bytes.LastIndexByte(whole[:n], '\n')+1:n], []byte(`{"result"`)) {
			results-- // the torn one
		}
		sum := got.Summary
		require.True(t, sum.Partial, "torn after %d bytes", n)
		require.Len(t, list(inMemory(t, got)), results, "torn after %d bytes", n)
		require.Len(t, sum.NotRun, 1)
		if lines == 0 {
			require.Contains(t, sum.NotRun[0], "before it had written what it was going to do")
			continue
		}
		require.Equal(t, rec.Header, got.Header)
		require.Contains(t, sum.NotRun[0], fmt.Sprintf("%d of 111 planned attempts have a result", results))
	}
}

func TestSpoolOfAKilledRunKeepsItsFailures(t *testing.T) {
	header := `{"header":{"apiVersion":"partywall.dev/v1alpha1","kind":"Results","planned":2}}` + "\n"
	rec, err := readSpool(strings.NewReader(header + `{"observed":1}` + "\n" + `{"observed":null}` + "\n"))
	require.NoError(t, err)
	assert.Equal(t, 3, rec.Summary.Exit)
	assert.True(t, rec.Summary.Incomplete)
	assert.Equal(t, []string{"the run ended before its end: 0 of 2 planned attempts have a result, and 2 lines of raw evidence were kept"}, rec.Summary.NotRun)

	rec, err = readSpool(strings.NewReader(header + `{"result":{"id":"a","verdict":"leak","fails":true}}` + "\n"))
	require.NoError(t, err)
	assert.Equal(t, 1, rec.Summary.Exit, "a failure weighs more than a partial run")
	assert.Equal(t, 1, rec.Summary.Failures)
	assert.Equal(t, map[verdicts.Verdict]int{verdicts.Leak: 1}, rec.Summary.Counts)
}

func TestReadingASpoolRefuses(t *testing.T) {
	header := `{"header":{"apiVersion":"partywall.dev/v1alpha1","kind":"Results"}}` + "\n"
	for name, c := range map[string]struct{ in, want string }{
		"another file":      {"hello\n", "line 1: invalid character"},
		"a torn other file": {"hello", "this is not a spool"},
		"no header":         {`{"summary":{}}` + "\n", "line 1: a spool begins with its header"},
		"another version":   {`{"header":{"apiVersion":"v9"}}` + "\n", "line 1: this is no record of a Partywall run"},
		"two headers":       {header + header, "line 2: a second header"},
		"an unknown line":   {header + `{"verse":1}` + "\n", "line 2: neither a header, an observation, a result nor a summary"},
		"damage":            {header + `{"result":{"id` + "\n" + `{"summary":{}}` + "\n", "line 2: "},
		"after the end":     {header + `{"summary":{}}` + "\n" + `{"observed":1}` + "\n", "line 3: the summary ends a spool"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readSpool(strings.NewReader(c.in))
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestSpoolIsSafeForMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	s, err := CreateSpool(path)
	require.NoError(t, err)
	require.NoError(t, s.Header(verdicts.Header{Planned: 400}))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 50 {
				assert.NoError(t, s.Observed(nil))
				assert.NoError(t, s.Result(verdicts.Result{ID: fmt.Sprint(i, k), Why: hostile["a long one"]}))
			}
		})
	}
	all.Wait()
	rec, err := Read(path) // before it is closed: each line is in the file at once
	require.NoError(t, err)
	assert.Len(t, list(rec), 400)
	assert.True(t, rec.Summary.Partial)
	require.NoError(t, s.Close())
}

func TestASpoolIsOneRunsUntilItIsClosed(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "not", "there", "results.jsonl")
	first, err := CreateSpool(path)
	require.NoError(t, err)
	require.NoError(t, first.Header(verdicts.Header{Run: "first"}))
	_, err = CreateSpool(path)
	require.ErrorIs(t, err, ErrBusy)
	rec, err := Read(path)
	require.NoError(t, err)
	assert.Equal(t, "first", rec.Header.Run, "whoever is refused has emptied nothing")
	require.NoError(t, first.Close())

	second, err := CreateSpool(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Size(), "an earlier record is void at once")
	require.NoError(t, second.Close())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err, "the folder was there before")
	assert.Empty(t, left)
}

func TestASpoolWithNothingInItLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "not", "there", "results.jsonl")
	s, err := CreateSpool(path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.NoDirExists(t, filepath.Join(folder, "not"))

	// Beside another file its folder stays, and one that has taken its place too.
	s, err = CreateSpool(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, []byte("another's"), 0o600))
	require.NoError(t, s.Close())
	assert.FileExists(t, path)
}

// TestManyRunsTakeTurns has runs that begin and end at once, each of which
// removes what the next may have just opened.
func TestManyRunsTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out", "results.jsonl")
	var all sync.WaitGroup
	var holders atomic.Int32
	for range 8 {
		all.Go(func() {
			for range 200 {
				s, err := CreateSpool(path)
				if err != nil {
					continue
				}
				assert.EqualValues(t, 1, holders.Add(1), "a record has one run")
				holders.Add(-1)
				assert.NoError(t, s.Close())
			}
		})
	}
	all.Wait()
}

func TestSpoolErrorsSurface(t *testing.T) {
	_, err := CreateSpool(filepath.Join(os.DevNull, "results.jsonl"))
	assert.ErrorContains(t, err, "creating spool")
	s, err := CreateSpool(filepath.Join(t.TempDir(), "results.jsonl"))
	require.NoError(t, err)
	assert.ErrorContains(t, s.Observed(func() {}), "spooling")
	require.NoError(t, s.Header(verdicts.Header{}), "what could not be written as JSON has left no trace")
	require.NoError(t, s.Close())
	err = s.Result(verdicts.Result{})
	assert.ErrorIs(t, err, os.ErrClosed)
	assert.ErrorContains(t, err, "writing spool")
	assert.Equal(t, err, s.Summary(verdicts.Summary{}), "after a write that failed none follows")
}

func FuzzReadSpool(f *testing.F) {
	f.Add([]byte(`{"header":{"apiVersion":"partywall.dev/v1alpha1","kind":"Results"}}` + "\n" + `{"result":{}}` + "\n"))
	f.Add([]byte(`{"hea`))
	f.Fuzz(func(t *testing.T, in []byte) {
		rec, err := readSpool(bytes.NewReader(in))
		assert.True(t, (rec == nil) != (err == nil))
	})
}
