package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// inMemory takes a record's results off the disk.
func inMemory(t *testing.T, rec *verdicts.Record) *verdicts.Record {
	t.Helper()
	kept := *rec
	all := verdicts.List{}
	for r := range rec.Results.All() {
		all = append(all, *r)
	}
	require.NoError(t, rec.Results.Err())
	require.Len(t, all, rec.Results.Len())
	kept.Results = all
	return &kept
}

func TestOpenTakesBoth(t *testing.T) {
	folder := t.TempDir()
	rec := fakeRun(3)
	path := filepath.Join(folder, "results.json")
	require.NoError(t, Write(Spec{JSON{}, path}, rec))
	writeSpool(t, SpoolPath(path), rec)
	for _, path := range []string{path, SpoolPath(path)} {
		got, err := Open(path)
		require.NoError(t, err)
		for range 2 {
			assert.Equal(t, rec, inMemory(t, &got.Record), "as often as somebody asks")
		}
		require.NoError(t, got.Close())
		for range got.Results.All() {
			assert.Fail(t, "it is closed")
		}
		require.ErrorIs(t, got.Results.Err(), os.ErrClosed)

		read, err := Read(path)
		require.NoError(t, err)
		assert.Equal(t, rec, read)
	}
}

func TestOpenTakesARecordThatWasLaidOutAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	var text bytes.Buffer
	require.NoError(t, json.Indent(&text, []byte(written(t, JSON{})), "\r\n", "\t"))
	require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
	got, err := Read(path)
	require.NoError(t, err)
	assert.Len(t, list(got), 111)
}

func TestOpenTakesWhatARunThatNeverEndedLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, Begin([]Spec{{JSON{}, path}}, verdicts.Header{Planned: 7}))
	got, err := Open(path)
	require.NoError(t, err)
	defer got.Close()
	assert.True(t, got.Summary.Incomplete)
	assert.Zero(t, got.Results.Len())
}

func TestOpenRefuses(t *testing.T) {
	const head = `{"header":{"apiVersion":"partywall.dev/v1alpha1","kind":"Results"}`
	whole := written(t, JSON{})
	for name, c := range map[string]struct{ in, want string }{
		"nothing":           {"", "the file ends in the middle"},
		"no JSON":           {"hello", "reading results: invalid character 'h'"},
		"half a header":     {head[:30], "the file ends in the middle: it was cut short, or is still being copied"},
		"half of it":        {whole[:len(whole)/2], "the file ends in the middle"},
		"a later version":   {`{"header":{"apiVersion":"partywall.dev/v9","kind":"Results","version":"9.1"}}`, "the file is of partywall.dev/v9, written by Partywall 9.1, and this version reads partywall.dev/v1alpha1; read it with the one that wrote it"},
		"another kind":      {`{"header":{"apiVersion":"partywall.dev/v1alpha1","kind":"Plan"}}`, "this is no record of a Partywall run"},
		"another file":      {`{"kind":"Pod"}`, "this is no record of a Partywall run; results.json and results.jsonl are such"},
		"a list":            {`[]`, "this is no record of a Partywall run"},
		"an empty object":   {`{}`, "one of them is missing"},
		"no header":         {`{"header":null,"results":[],"summary":{}}`, "this is no record of a Partywall run"},
		"no summary":        {head + `,"results":[]}`, "one of them is missing: somebody changed the file"},
		"no results":        {head + `,"summary":{}}`, "one of them is missing"},
		"two lists":         {head + `,"results":[],"results":[]}`, `a part "results" is too much`},
		"another part":      {head + `,"more":1}`, `a part "more" is too much`},
		"a result of none":  {head + `,"results":[{},{"port":"x"}]}`, "result 2: "},
		"two records":       {head + `,"results":[],"summary":{}} {}`, "something follows the record"},
		"a leak cut out":    {cutOut(whole, "network/tcp/acme.web->globex.web"), "somebody changed the file"},
		"a leak renamed":    {strings.Replace(whole, `"verdict":"leak"`, `"verdict":"isolated"`, 1), "somebody changed the file"},
		"one made harmless": {strings.Replace(whole, `"fails":true`, `"fails":false`, 1), "the summary counts 8 failures"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "results.json")
			require.NoError(t, os.WriteFile(path, []byte(c.in), 0o600))
			_, err := Open(path)
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, path+": ")
			_, err = Read(path)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// cutOut leaves out the first line that holds a text.
func cutOut(text, what string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.Contains(line, what) {
			return strings.Join(append(lines[:i:i], lines[i+1:]...), "")
		}
	}
	return text
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open(t.TempDir())
	require.ErrorContains(t, err, "is no regular file")
	_, err = Open(os.DevNull)
	require.ErrorContains(t, err, "is no regular file")
}

func TestWhatChangesWhileItIsReadIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, Write(Spec{JSON{}, path}, fakeRun(3)))
	got, err := Open(path)
	require.NoError(t, err)
	defer got.Close()
	require.NoError(t, os.Truncate(path, 3000))
	for range got.Results.All() {
	}
	require.ErrorContains(t, got.Results.Err(), "reading the results again: ")
	assert.ErrorIs(t, JSON{}.Write(&bytes.Buffer{}, &got.Record), got.Results.Err(), "no report is written of half of them")
}

// TestManyResultsStayOnTheDisk goes through some tens of megabytes of results
// without keeping them.
func TestManyResultsStayOnTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	s, err := CreateSpool(path)
	require.NoError(t, err)
	require.NoError(t, s.Header(verdicts.Header{}))
	r := fakeResult("acme", "globex", "tcp", 0)
	r.Why = strings.Repeat("long-", 2000)
	for range 5000 {
		require.NoError(t, s.Result(r))
	}
	require.NoError(t, s.Close())
	before := heap()
	got, err := Open(path)
	require.NoError(t, err)
	defer got.Close()
	n := 0
	for range got.Results.All() {
		if n++; n == 4000 {
			assert.Less(t, heap(), before+8<<20)
		}
	}
	assert.Equal(t, 5000, n)
}

// heap is what is in use, as bytes.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"header":{"apiVersion":"partywall.dev/v1alpha1","kind":"Results"},"results":[{}],"summary":{"counts":{"":1}}}`))
	f.Add([]byte(`{"hea`))
	f.Fuzz(func(t *testing.T, in []byte) {
		rec, err := readJSON(bytes.NewReader(in))
		if err == nil {
			inMemory(t, rec)
		}
		assert.False(t, errors.Is(err, os.ErrClosed))
	})
}
