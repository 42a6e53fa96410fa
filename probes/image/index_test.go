package image

import (
	"archive/tar"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fakeProbe(arch string) ([]byte, error) { return []byte("the probe for " + arch), nil }

func fakeIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index, err := Index(fakeProbe, "1.2.3")
	require.NoError(t, err)
	return index
}

// requireProbes holds an index against the probes that it ought to have.
func requireProbes(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, len(Architectures))
	for i, arch := range Architectures {
		d := manifest.Manifests[i]
		assert.Equal(t, "linux/"+arch, d.Platform.String())
		img, err := index.Image(d.Digest)
		require.NoError(t, err)
		layers, err := img.Layers()
		require.NoError(t, err)
		content, err := layers[0].Uncompressed()
		require.NoError(t, err)
		assert.Equal(t, "the probe for "+arch, entries(t, content)[0].content)
	}
}

func TestAProbeThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	none := errors.New("none")
	_, err := Index(func(string) ([]byte, error) { return nil, none }, "1.2.3")
	assert.ErrorIs(t, err, none)
}

func TestTheArchiveHasAllArchitecturesAndItsName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, WriteArchive(path, "ghcr.io/partywall/probe:1.2.3", fakeIndex(t)))
	again := filepath.Join(t.TempDir(), "again.tar")
	require.NoError(t, WriteArchive(again, "ghcr.io/partywall/probe:1.2.3", fakeIndex(t)))
	one, err := os.ReadFile(path)
	require.NoError(t, err)
	other, err := os.ReadFile(again)
	require.NoError(t, err)
	assert.Equal(t, one, other, "the same bytes from the same input")

	outer, err := layout.ImageIndexFromPath(unpack(t, path))
	require.NoError(t, err)
	manifest, err := outer.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	assert.Equal(t, map[string]string{
		"io.containerd.image.name":          "ghcr.io/partywall/probe:1.2.3",
		"org.opencontainers.image.ref.name": "1.2.3",
	}, manifest.Manifests[0].Annotations)
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	requireProbes(t, index)
}

// unpack writes the files of a tar into a folder.
func unpack(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	folder := t.TempDir()
	tr := tar.NewReader(f)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return folder
		}
		require.NoError(t, err)
		content, err := io.ReadAll(tr)
		require.NoError(t, err)
		to := filepath.Join(folder, h.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, content, 0o600))
	}
}

func TestAnArchiveThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	err := WriteArchive(filepath.Join(t.TempDir(), "none", "image.tar"), "ghcr.io/partywall/probe:1.2.3", fakeIndex(t))
	assert.ErrorContains(t, err, "writing the probe image to ")
	err = WriteArchive(filepath.Join(t.TempDir(), "image.tar"), "probe", fakeIndex(t))
	assert.ErrorContains(t, err, "naming the probe image")
}

func newRegistry() *httptest.Server {
	quiet := log.New(io.Discard, "", 0)
	s := httptest.NewUnstartedServer(registry.New(registry.Logger(quiet)))
	s.Config.ErrorLog = quiet
	return s
}

func TestPush(t *testing.T) {
	t.Parallel()
	plain, secured := newRegistry(), newRegistry()
	plain.Start()
	t.Cleanup(plain.Close)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	tests := []struct {
		name, url string
		insecure  bool
		want      string // of the error
	}{
		{"without TLS, on this machine", plain.URL, false, ""},
		{"a certificate that nothing vouches for", secured.URL, false, "certificate"},
		{"the same, meant", secured.URL, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, host, _ := strings.Cut(tt.url, "://")
			tag, err := Tag(host+"/mirror/probe", "1.2.3", tt.insecure)
			require.NoError(t, err)
			assert.Equal(t, "1.2.3", tag.TagStr(), "the version's, where none is given")
			digest, err := Push(t.Context(), tag, fakeIndex(t), tt.insecure)
			if tt.want != "" {
				require.ErrorContains(t, err, "pushing the probe image to "+tag.Name())
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			for _, ref := range []name.Reference{tag, digest} {
				index, err := remote.Index(ref, remote.WithTransport(unverified()))
				require.NoError(t, err)
				requireProbes(t, index)
			}
		})
	}
}

func TestTag(t *testing.T) {
	t.Parallel()
	tag, err := Tag("registry.example.com:5000/probe:mine", "1.2.3", false)
	require.NoError(t, err)
	assert.Equal(t, "registry.example.com:5000/probe:mine", tag.String())
	for _, bad := range []string{"", "Registry/Probe", "a@sha256:0", "a b"} {
		_, err := Tag(bad, "1.2.3", false)
		assert.Error(t, err, bad)
	}
}
