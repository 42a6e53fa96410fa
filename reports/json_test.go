package reports

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

func TestJSONRoundTrip(t *testing.T) {
	for name, rec := range map[string]*verdicts.Record{
		"three tenants": fakeRun(3),
		"no results":    {Header: fakeRun(1).Header, Results: []verdicts.Result{}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, JSON{}.Write(&b, rec))
			var plain verdicts.Record
			require.NoError(t, json.Unmarshal(b.Bytes(), &plain), "any JSON reader reads it")
			assert.Equal(t, *rec, plain)
			got, err := ReadJSON(&b)
			require.NoError(t, err)
			assert.Equal(t, rec, got)
		})
	}
}

func TestJSONIsHarmlessAndFindable(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			rec := hostileRecord(s)
			require.NoError(t, JSON{}.Write(&b, rec))
			assert.False(t, strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && r < 0x10000 && dangerous(r) }))
			got, err := ReadJSON(&b)
			require.NoError(t, err)
			assert.Equal(t, strings.ToValidUTF8(s, "\ufffd"), mergeReplacements(got.Header.Run))
		})
	}
	var b bytes.Buffer
	require.NoError(t, JSON{}.Write(&b, fakeRun(3)))
	assert.Contains(t, b.String(), "network/tcp/acme.web->globex.web/", "an id is found by grep")
}

// mergeReplacements: encoding/json replaces each byte, ToValidUTF8 each run.
func mergeReplacements(s string) string {
	for strings.Contains(s, "\ufffd\ufffd") {
		s = strings.ReplaceAll(s, "\ufffd\ufffd", "\ufffd")
	}
	return s
}

func TestReadJSONRefuses(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"no JSON":         {"hello", "reading results: invalid character 'h'"},
		"half a file":     {`{"header":{"apiVersion":"partywall.dev/v1alpha1"`, "reading results: unexpected EOF"},
		"another version": {`{"header":{"apiVersion":"partywall.dev/v9","kind":"Results"}}`, `the file is "partywall.dev/v9" of kind "Results"; this version reads partywall.dev/v1alpha1 of kind Results`},
		"another file":    {`{"kind":"Pod"}`, `the file is "" of kind ""`},
		"two records": {`{"header":{"apiVersion":"partywall.dev/v1alpha1","kind":"Results"}} {}`,
			"something follows the record"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadJSON(strings.NewReader(c.in))
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestReadTakesBoth(t *testing.T) {
	folder := t.TempDir()
	rec := fakeRun(3)
	path := filepath.Join(folder, "results.json")
	require.NoError(t, Write(Spec{JSON{}, path}, rec))
	got, err := Read(path)
	require.NoError(t, err)
	assert.Equal(t, rec, got)

	writeSpool(t, SpoolPath(path), rec)
	got, err = Read(SpoolPath(path))
	require.NoError(t, err)
	assert.Equal(t, rec, got)

	_, err = Read(filepath.Join(folder, "none.json"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
	_, err = Read(path)
	assert.ErrorContains(t, err, path)
}
