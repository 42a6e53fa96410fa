package image

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	write := func(binary, version string) (string, []byte) {
		img, err := Build([]byte(binary), "arm64", version)
		require.NoError(t, err)
		digest, err := img.Digest()
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "image.tar")
		require.NoError(t, WriteTarball(path, "ghcr.io/partywall/probe:"+version, img))
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		return digest.String(), b
	}
	digest, archive := write("probe", "1.0.0")
	again, archiveAgain := write("probe", "1.0.0")
	assert.Equal(t, digest, again)
	assert.Equal(t, archive, archiveAgain)

	changed, _ := write("prob3", "1.0.0")
	assert.NotEqual(t, digest, changed, "another binary")
	renamed, _ := write("probe", "1.0.1")
	assert.NotEqual(t, digest, renamed, "another version")
}

func TestWhatIsInTheImage(t *testing.T) {
	t.Parallel()
	built, err := Build([]byte("the binary"), "arm64", "1.2.3")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, WriteTarball(path, "ghcr.io/partywall/probe:1.2.3", built))
	img, err := tarball.ImageFromPath(path, nil)
	require.NoError(t, err)

	config, err := img.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "linux", config.OS)
	assert.Equal(t, "arm64", config.Architecture)
	assert.Equal(t, "65532:65532", config.Config.User)
	assert.Equal(t, []string{"/probe"}, config.Config.Entrypoint)
	assert.Equal(t, "1.2.3", config.Config.Labels["org.opencontainers.image.version"])
	assert.Equal(t, int64(0), config.Created.Unix())

	layers, err := img.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	content, err := layers[0].Uncompressed()
	require.NoError(t, err)
	defer content.Close()
	assert.Equal(t, []entry{
		{"probe", 0o755, 0, "the binary"},
		{"run/", 0o755, 0, ""},
		{"run/partywall/", 0o700, 65532, ""},
	}, entries(t, content))
}

type entry struct {
	name    string
	mode    int64
	uid     int
	content string
}

func entries(t *testing.T, r io.Reader) []entry {
	var found []entry
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		assert.Equal(t, int64(0), h.ModTime.Unix(), h.Name)
		content, err := io.ReadAll(tr)
		require.NoError(t, err)
		found = append(found, entry{h.Name, h.Mode, h.Uid, string(content)})
	}
}

func TestANameWithoutATagIsRefused(t *testing.T) {
	t.Parallel()
	img, err := Build(nil, "amd64", "x")
	require.NoError(t, err)
	err = WriteTarball(filepath.Join(t.TempDir(), "image.tar"), "probe", img)
	assert.ErrorContains(t, err, "naming the probe image")
}
