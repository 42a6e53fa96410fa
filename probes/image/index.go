package image

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Architectures are those that the probe is built for.
var Architectures = []string{"amd64", "arm64"}

// Index makes one image for all architectures: whoever pulls it gets the one
// that fits.
func Index(probe func(arch string) ([]byte, error), version string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range Architectures {
		binary, err := probe(arch)
		if err != nil {
			return nil, err
		}
		img, err := Build(binary, arch, version)
		if err != nil {
			return nil, fmt.Errorf("for %s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, nil
}
