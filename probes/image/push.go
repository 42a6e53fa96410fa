package image

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Tag reads the name to push an image under; without a tag it is the
// version's.
func Tag(ref, version string, insecure bool) (name.Tag, error) {
	options := []name.Option{name.WithDefaultTag(version)}
	if insecure {
		options = append(options, name.Insecure)
	}
	return name.NewTag(ref, options...)
}

// Push sends an image to a registry with the credentials that docker, or
// another tool that writes its file, logged in with. It returns the name that
// means this very image.
func Push(ctx context.Context, tag name.Tag, index v1.ImageIndex, insecure bool) (name.Digest, error) {
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	if insecure {
		options = append(options, remote.WithTransport(unverified()))
	}
	if err := remote.WriteIndex(tag, index, options...); err != nil {
		return name.Digest{}, fmt.Errorf("pushing the probe image to %s: %w", tag.Name(), err)
	}
	digest, err := index.Digest()
	if err != nil {
		return name.Digest{}, err
	}
	return tag.Digest(digest.String()), nil
}

func unverified() *http.Transport {
	t := remote.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // G402: what --insecure asks for
	return t
}
