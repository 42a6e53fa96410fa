package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// The first files of every bundle.
const (
	ManifestName = "manifest.json"
	EnvelopeName = "manifest.dsse.json" // where it is signed
)

// File is one file of a bundle before it is packed.
type File struct {
	Name  string // a slash-separated path
	Write func(io.Writer) error
}

// Subject is a file by its digest.
type Subject struct {
	Name   string
	SHA256 string // in hexadecimal
}

// Manifest makes the manifest of the files, which are in the order of their names.
type Manifest func([]Subject) ([]byte, error)

// ReadManifest reads one again, to the letter: two readers of a manifest that it
// takes must read the same.
type ReadManifest func([]byte) ([]Subject, error)

// Write packs files. All of them, and the archive, are of one time, to the
// second. Without a signer the manifest is not signed.
func Write(w io.Writer, files []File, at time.Time, manifest Manifest, signer *Signer) error {
	folder, err := os.MkdirTemp("", "partywall-bundle-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	parts := make([]part, 0, len(files)+2)
	var subjects []Subject
	for i, f := range files {
		if err := checkName(f.Name); err != nil {
			return err
		}
		if i > 0 && files[i-1].Name == f.Name {
			return fmt.Errorf("there are two files %s", f.Name)
		}
		p, digest, err := stage(root, fmt.Sprint(i), f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		parts, subjects = append(parts, p), append(subjects, Subject{f.Name, digest})
	}
	first, err := head(subjects, manifest, signer)
	if err != nil {
		return err
	}
	return pack(w, root, append(first, parts...), at)
}

// checkName takes what every tar and every file system can hold.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || len(name) > 512 || name == ManifestName || name == EnvelopeName {
		return fmt.Errorf("a bundle can hold no file %q", name)
	}
	return nil
}

// part is a file that is ready to be packed.
type part struct {
	name string
	size int64
	text []byte // of a small one; else it is staged
	from string
}

// stage writes a file aside: a tar says of each how long it is before it comes.
func stage(root *os.Root, as string, f File) (part, string, error) {
	out, err := root.Create(as)
	if err != nil {
		return part{}, "", err
	}
	sum := sha256.New()
	err = f.Write(io.MultiWriter(out, sum))
	size, sizeErr := out.Seek(0, io.SeekCurrent)
	for _, e := range []error{sizeErr, out.Close()} {
		if err == nil {
			err = e
		}
	}
	return part{name: f.Name, size: size, from: as}, hex.EncodeToString(sum.Sum(nil)), err
}

func head(subjects []Subject, manifest Manifest, signer *Signer) ([]part, error) {
	text, err := manifest(subjects)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	}
	parts := []part{{name: ManifestName, size: int64(len(text)), text: text}}
	if signer == nil {
		return parts, nil
	}
	envelope, err := signer.sign(text)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", ManifestName, err)
	}
	return append(parts, part{name: EnvelopeName, size: int64(len(envelope)), text: envelope}), nil
}

func pack(w io.Writer, root *os.Root, parts []part, at time.Time) error {
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	for _, p := range parts {
		if err := archive.WriteHeader(headerOf(p.name, p.size, at)); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err := p.copyTo(archive, root); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

func (p part) copyTo(w io.Writer, root *os.Root) error {
	if p.from == "" {
		_, err := io.Copy(w, bytes.NewReader(p.text))
		return err
	}
	in, err := root.Open(p.from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	_, err = io.Copy(w, in)
	return err
}

// headerOf is all that a bundle says of a file beside its manifest.
func headerOf(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: at.UTC().Truncate(time.Second), Format: tar.FormatPAX}
}
