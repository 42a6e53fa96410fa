package reports

import (
	"bytes"
	"io"
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
	v, err := bundle.Verify(bytes.NewReader(one.Bytes()), nil)
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
