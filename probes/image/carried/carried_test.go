package carried

import (
	"bytes"
	"compress/gzip"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte("the probe"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	from := fstest.MapFS{
		"probe-linux-amd64.gz": {Data: packed.Bytes()},
		"probe-linux-arm64.gz": {Data: packed.Bytes()[:packed.Len()-1]},
		"probe-linux-s390x.gz": {Data: []byte("no gzip")},
	}

	binary, err := read(from, "amd64")
	require.NoError(t, err)
	assert.Equal(t, "the probe", string(binary))

	for _, arch := range []string{"arm64", "s390x"} {
		_, err = read(from, arch)
		assert.ErrorContains(t, err, "unpacking the carried probe for "+arch)
	}
	_, err = read(from, "riscv64")
	assert.ErrorIs(t, err, ErrNone)
}
