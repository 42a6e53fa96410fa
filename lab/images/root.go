package images

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Root is an image that is made of these files and no other.
type Root struct {
	// Tag is its full name.
	Tag string
	// User runs it, as "uid:gid".
	User string
	// Entrypoint is the absolute path of what it runs.
	Entrypoint string
	// Files are its files, a folder before what is in it.
	Files []File
}

// File is one file of an image: a copy, a symbolic link, or else a folder. It
// belongs to root.
type File struct {
	// Path is where the image has it, without a slash in front.
	Path string
	// From is the file of this machine that is copied.
	From string
	// Link is what a symbolic link points to.
	Link string
	// Mode are the permissions of a copy or a folder.
	Mode int64
}

// Write makes the image as a docker archive. The same files give the same digest.
func (r Root) Write(archive string) error {
	image, err := r.build()
	if err != nil {
		return err
	}
	tag, err := name.NewTag(r.Tag)
	if err != nil {
		return err
	}
	next := archive + ".next"
	if err := tarball.WriteToFile(next, tag, image); err != nil {
		return fmt.Errorf("writing %s: %w", archive, err)
	}
	return os.Rename(next, archive)
}

// Stamp tells whether an archive of these files would be another: copies are
// compared by size and time.
func (r Root) Stamp() (string, error) {
	digest := sha256.New()
	fmt.Fprintf(digest, "%q %q %q\n", r.Tag, r.User, r.Entrypoint)
	for _, f := range r.Files {
		fmt.Fprintf(digest, "%+v\n", f)
		if f.From == "" {
			continue
		}
		info, err := os.Stat(f.From)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(digest, "%d %d\n", info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

func (r Root) build() (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return r.open(), nil }, tarball.WithCompressionLevel(gzip.BestSpeed))
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
	config.Config.User = r.User
	config.Config.Entrypoint = []string{r.Entrypoint}
	return mutate.ConfigFile(image, config)
}

// open streams the layer: its files may be larger than what memory is for.
func (r Root) open() io.ReadCloser {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(r.write(writer)) }()
	return reader
}

// write writes a tar of the files, with no time in it.
func (r Root) write(out io.Writer) error {
	w := tar.NewWriter(out)
	for _, f := range r.Files {
		if err := f.write(w); err != nil {
			return fmt.Errorf("adding %s: %w", f.Path, err)
		}
	}
	return w.Close()
}

func (f File) write(w *tar.Writer) error {
	switch {
	case f.Link != "":
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: f.Path, Linkname: f.Link, Mode: 0o777})
	case f.From == "":
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: f.Path + "/", Mode: f.Mode})
	}
	source, err := os.Open(f.From)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: f.Mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, source)
	return err
}
