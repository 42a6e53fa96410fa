package image

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// WriteArchive writes an image of several architectures as an OCI archive,
// which `ctr images import` and `kind load image-archive` read, under a name
// with its tag.
func WriteArchive(path, ref string, index v1.ImageIndex) error {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("naming the probe image: %w", err)
	}
	folder, err := os.MkdirTemp("", "partywall-image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder: the archive is whole or not without it
	if err := writeLayout(folder, tag, index); err != nil {
		return fmt.Errorf("laying the probe image out: %w", err)
	}
	if err := pack(path, folder); err != nil {
		return fmt.Errorf("writing the probe image to %s: %w", path, err)
	}
	return nil
}

// writeLayout gives the index its name in both spellings: the full one, which
// containerd looks for, and the tag alone, which is the standard's.
func writeLayout(folder string, tag name.Tag, index v1.ImageIndex) error {
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          tag.Name(),
		"org.opencontainers.image.ref.name": tag.TagStr(),
	}))
}

// pack writes a folder as a tar: the same bytes from the same files.
func pack(path, folder string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	tw := tar.NewWriter(f)
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return packFile(tw, path, filepath.ToSlash(name))
	})
	if err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return f.Close()
}

func packFile(tw *tar.Writer, path, name string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: epoch, Format: tar.FormatUSTAR}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = tw.Write(content)
	return err
}
