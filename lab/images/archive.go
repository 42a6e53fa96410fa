package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is an image that holds one binary.
type Image struct {
	// Tag is its full name.
	Tag string
	// Binary is the file it wraps, and the name it has in the image's root.
	Binary string
	// User runs it, as "uid:gid".
	User string
}

// Pause is the tag of the image that holds a pod's namespaces.
const Pause = "docker.io/partywall-lab/pause:1"

// CoreDNS is the tag of the cluster DNS image.
const CoreDNS = "docker.io/partywall-lab/coredns:1"

// Prober is the tag of the image that the wall tests and the demo run.
const Prober = "docker.io/partywall-lab/prober:1"

const nobody = "65534:65534"

// Own are the images that the lab makes itself.
func Own() []Image {
	return []Image{
		{Tag: Pause, Binary: "pause", User: nobody},
		// Port 53 is privileged.
		{Tag: CoreDNS, Binary: "coredns", User: "0:0"},
		{Tag: Prober, Binary: "prober", User: nobody},
	}
}

// Write makes the image of the binary at path as a docker archive. The same
// binary gives the same digest.
func (i Image) Write(path, archive string) error {
	binary, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	image, err := i.build(binary)
	if err != nil {
		return err
	}
	tag, err := name.NewTag(i.Tag)
	if err != nil {
		return err
	}
	next := archive + ".next"
	if err := tarball.WriteToFile(next, tag, image); err != nil {
		return fmt.Errorf("writing %s: %w", archive, err)
	}
	return os.Rename(next, archive)
}

func (i Image) build(binary []byte) (v1.Image, error) {
	layerTar, err := i.layer(binary)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layerTar)), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.User = i.User
	config.Config.Entrypoint = []string{"/" + i.Binary}
	return mutate.ConfigFile(image, config)
}

// layer is a tar of the binary alone, with no time and no owner in it.
func (i Image) layer(binary []byte) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: filepath.Base(i.Binary), Mode: 0o755, Size: int64(len(binary))}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// Contents says what an archive holds: tags and the digest of each image's
// configuration, which is also what the nodes call the image's id.
func Contents(archive string) (map[string]string, error) {
	opener := func() (io.ReadCloser, error) { return os.Open(archive) }
	manifest, err := tarball.LoadManifest(opener)
	if err != nil {
		return nil, fmt.Errorf("reading image archive %s: %w", archive, err)
	}
	contents := map[string]string{}
	for _, descriptor := range manifest {
		for _, repoTag := range descriptor.RepoTags {
			tag, err := name.NewTag(repoTag)
			if err != nil {
				return nil, fmt.Errorf("reading image archive %s: %w", archive, err)
			}
			image, err := tarball.Image(opener, &tag)
			if err != nil {
				return nil, fmt.Errorf("reading image archive %s: %w", archive, err)
			}
			id, err := image.ConfigName()
			if err != nil {
				return nil, fmt.Errorf("reading image archive %s: %w", archive, err)
			}
			contents[canonical(tag)] = id.String()
		}
	}
	if len(contents) == 0 {
		return nil, fmt.Errorf("image archive %s names no tag: the nodes could not find its image", archive)
	}
	return contents, nil
}

// canonical is the name under which containerd keeps a tag.
func canonical(tag name.Tag) string {
	registry := tag.RegistryStr()
	if registry == name.DefaultRegistry {
		registry = "docker.io"
	}
	return registry + "/" + tag.RepositoryStr() + ":" + tag.TagStr()
}
