// Package image makes the probe's container image out of its binary alone, with
// no Docker, and the same bytes from the same input.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nobody is the user that the probe runs as: not root, and of no tenant.
const nobody = 65532

// epoch is the time of everything in the image: a build's own would change it.
var epoch = time.Unix(0, 0).UTC()

// Build makes the image of a static Linux binary: FROM scratch, one layer.
func Build(binary []byte, arch, version string) (v1.Image, error) {
	layer, err := probeLayer(binary)
	if err != nil {
		return nil, fmt.Errorf("making the layer of the probe image: %w", err)
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	if img, err = mutate.ConfigFile(img, config(arch, version)); err != nil {
		return nil, fmt.Errorf("configuring the probe image: %w", err)
	}
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "partywall"},
	})
	if err != nil {
		return nil, fmt.Errorf("adding the layer to the probe image: %w", err)
	}
	return img, nil
}

// WriteTarball writes what `docker load`, `kind load image-archive` and `ctr
// images import` read. The reference is the name the image is loaded under.
func WriteTarball(path, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("naming the probe image: %w", err)
	}
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		return fmt.Errorf("writing the probe image to %s: %w", path, err)
	}
	return nil
}

func config(arch, version string) *v1.ConfigFile {
	return &v1.ConfigFile{
		OS:           "linux",
		Architecture: arch,
		Created:      v1.Time{Time: epoch},
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
		Config: v1.Config{
			User:       strconv.Itoa(nobody) + ":" + strconv.Itoa(nobody),
			Entrypoint: []string{"/probe"},
			Labels: map[string]string{
				"org.opencontainers.image.title":    "partywall probe",
				"org.opencontainers.image.source":   "https://github.com/partywall/partywall",
				"org.opencontainers.image.version":  version,
				"org.opencontainers.image.licenses": "Apache-2.0",
			},
		},
	}
}

func probeLayer(binary []byte) (v1.Layer, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "probe", Mode: 0o755, Size: int64(len(binary))},
		{Typeflag: tar.TypeDir, Name: "run/", Mode: 0o755},
		// The socket's place, where no volume is mounted over it.
		{Typeflag: tar.TypeDir, Name: "run/partywall/", Mode: 0o700, Uid: nobody, Gid: nobody},
	} {
		h.ModTime, h.Format = epoch, tar.FormatUSTAR
		if err := tw.WriteHeader(h); err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := tw.Write(binary); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}
