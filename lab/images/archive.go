package images

import (
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
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

// Hub is the registry's part of the lab's own tags, and Version their last part,
// for charts that put a tag together.
const (
	Hub     = "docker.io/partywall-lab"
	Version = "1"
)

// Pilot is the tag of the image of Istio's control plane, Proxy that of the
// sidecars and gateways.
const (
	Pilot = Hub + "/pilot:" + Version
	Proxy = Hub + "/proxyv2:" + Version
)

// IstioUser is the user whose traffic Istio's redirection leaves alone.
const IstioUser = "1337:1337"

const nobody = "65534:65534"

// Own are the images of one binary that every lab makes itself.
func Own() []Image {
	return []Image{
		{Tag: Pause, Binary: "pause", User: nobody},
		// Port 53 is privileged.
		{Tag: CoreDNS, Binary: "coredns", User: "0:0"},
		{Tag: Prober, Binary: "prober", User: nobody},
	}
}

// OfMesh are those that a lab with a mesh makes too, beside Proxy.
func OfMesh() []Image {
	return []Image{{Tag: Pilot, Binary: "pilot-discovery", User: IstioUser}}
}

// Write makes the image of the binary at path as a docker archive. The same
// binary gives the same digest.
func (i Image) Write(path, archive string) error {
	return Root{
		Tag: i.Tag, User: i.User, Entrypoint: "/" + i.Binary,
		Files: []File{{Path: i.Binary, From: path, Mode: 0o755}},
	}.Write(archive)
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
