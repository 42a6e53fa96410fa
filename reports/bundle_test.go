package reports

import (
	"bytes"
	"io"
	"strings"
	"testing"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/partywall/partywall/bundle"
)

// A bundle has every report there is, is the same for the same run, and knows
// itself again.
func TestBundle(t *testing.T) {
	rec := fakeRun(3)
	var one, two bytes.Buffer
	extra := bundle.File{Name: "policies/a/deny.yaml", Write: func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }}
	require.NoError(t, (&Bundle{Extra: []bundle.File{extra}}).Write(&one, rec))
	require.NoError(t, (&Bundle{Extra: []bundle.File{extra}}).Write(&two, rec))
	assert.Equal(t, one.Bytes(), two.Bytes())
	v, err := bundle.Verify(bytes.NewReader(one.Bytes()), ReadManifest, nil)
	require.NoError(t, err)
	assert.Empty(t, v.Wrong)
	assert.Equal(t, len(formats), v.Files, "all formats but the statement, and the policy")
	var manifest intoto.Statement
	require.NoError(t, protojson.Unmarshal(v.Manifest, &manifest))
	require.NoError(t, manifest.Validate())
	assert.True(t, (&Bundle{}).Wrote(bytes.NewReader(one.Bytes())))
	for _, other := range []string{"", "mine", "\x1f\x8b"} {
		assert.False(t, (&Bundle{}).Wrote(bytes.NewReader([]byte(other))))
	}
}

// A manifest is taken as it was written, and not otherwise.
func TestReadManifest(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, (&Bundle{}).Write(&b, fakeRun(2)))
	v, err := bundle.Verify(&b, ReadManifest, nil)
	require.NoError(t, err)
	text := string(v.Manifest)
	subjects, err := ReadManifest([]byte(text))
	require.NoError(t, err)
	require.Len(t, subjects, len(formats)-1)
	for name, change := range map[string][2]string{
		"another spelling":    {`"subject"`, `"SUBJECT"`},
		"a field besides":     {`"subject"`, `"more": 1, "subject"`},
		"a field twice":       {`"subject"`, `"subject": [], "subject"`},
		"a blank":             {`"subject"`, ` "subject"`},
		"another tool":        {`"name": "Partywall"`, `"name": "Other"`},
		"another predicate":   {"test-result/v0.1", "provenance/v1"},
		"another digest":      {`"sha256"`, `"sha512"`},
		"one digest more":     {`"sha256"`, `"md5": "0", "sha256"`},
		"without the results": {`"results.json"`, `"results.text"`},
		"no object":           {text, "null"},
		"nothing":             {text, "{}"},
		"no JSON":             {text, "x"},
	} {
		_, err := ReadManifest([]byte(strings.Replace(text, change[0], change[1], 1)))
		assert.Error(t, err, name)
	}
}
