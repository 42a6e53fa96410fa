package reports

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

func TestJSONRoundTrip(t *testing.T) {
	for name, rec := range map[string]*verdicts.Record{
		"three tenants": fakeRun(3),
		"no results":    {Header: fakeRun(1).Header, Results: verdicts.List{}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, JSON{}.Write(&b, rec))
			var plain verdicts.Record
			require.NoError(t, json.Unmarshal(b.Bytes(), &plain), "any JSON reader reads it")
			assert.Equal(t, *rec, plain)
			got, err := readJSON(bytes.NewReader(b.Bytes()))
			require.NoError(t, err)
			assert.Equal(t, rec, inMemory(t, got))
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
			got, err := readJSON(bytes.NewReader(b.Bytes()))
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
