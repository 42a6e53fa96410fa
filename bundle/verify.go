package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Verified is what a bundle turned out to be.
type Verified struct {
	Files    int    // that are as the manifest says
	Signed   bool   // there is a signature
	Checked  bool   // by the key that was given
	Manifest []byte // as it stands in the bundle
	Wrong    []string
}

// The bounds of what is read: a manifest and its envelope of as many files as
// there may be take less.
const (
	mostManifest = 64 << 20
	mostFiles    = 100_000
)

// ErrNoBundle says that a file is none, or does not end where one does.
var ErrNoBundle = errors.New("this is no evidence bundle, or it was cut or damaged")

// Verify reads a bundle and says what of it is not as it was packed; with a key,
// also whether that key signed it. Without one a whole bundle may be another's:
// whoever alters files can alter the digests too. An error means that it cannot
// be read to its end.
func Verify(r io.Reader, manifest ReadManifest, key *Verifier) (*Verified, error) {
	in := bufio.NewReader(r)
	v := &verification{files: map[string]string{}, read: manifest, buffer: make([]byte, 64<<10)}
	if err := v.readAll(in); err != nil {
		return nil, err
	}
	v.compare()
	v.signature(key)
	slices.Sort(v.Wrong)
	return &v.Verified, nil
}

type verification struct {
	Verified
	envelope []byte
	files    map[string]string // digests by name
	names    []string          // in their order
	read     ReadManifest
	buffer   []byte
}

func (v *verification) wrong(format string, args ...any) {
	v.Wrong = append(v.Wrong, fmt.Sprintf(format, args...))
}

// plain is how the compressed form of every bundle begins.
var plain = func() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_ = w.Close() // a buffer takes all
	return b.Bytes()[:10]
}()

func (v *verification) readAll(in *bufio.Reader) error {
	begins, err := in.Peek(len(plain))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	if !bytes.Equal(begins, plain) {
		v.wrong("the head of the compressed file is another")
	}
	zipped, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	zipped.Multistream(false)
	if err := v.readTar(zipped); err != nil {
		return fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		v.wrong("there is something behind the end of the compressed file")
	}
	return nil
}

// readTar reads all files, and packs them again beside: what is not the same
// then is something else than the files.
func (v *verification) readTar(r io.Reader) error {
	raw, again := sha256.New(), sha256.New()
	seen := io.TeeReader(r, raw)
	archive, repacked := tar.NewReader(seen), tar.NewWriter(again)
	var at time.Time
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !plainFile(h) {
			return fmt.Errorf("%q is no plain file", h.Name)
		}
		if len(v.names) == mostFiles {
			return fmt.Errorf("it has more than %d files", mostFiles)
		}
		if at.IsZero() {
			at = h.ModTime
		}
		if err := repacked.WriteHeader(headerOf(h.Name, h.Size, at)); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
		if err := v.take(h.Name, archive, repacked); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
	if _, err := io.Copy(io.Discard, seen); err != nil {
		return err
	}
	if err := repacked.Close(); err != nil {
		return err
	}
	if !same(raw, again) {
		v.wrong("the archive holds something beside its files, or says something else of them: an owner, a time, a kind")
	}
	return nil
}

// plainFile says that all that a header promises comes behind it: a sparse file
// may promise what takes years to read.
func plainFile(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return false
		}
	}
	return h.Typeflag == tar.TypeReg
}

func same(a, b hash.Hash) bool { return bytes.Equal(a.Sum(nil), b.Sum(nil)) }

// take reads one file.
func (v *verification) take(name string, from io.Reader, repacked io.Writer) error {
	sum := sha256.New()
	var kept bytes.Buffer
	to := io.MultiWriter(sum, repacked)
	if name == ManifestName || name == EnvelopeName {
		from = io.LimitReader(from, mostManifest)
		to = io.MultiWriter(to, &kept)
	}
	if _, err := io.CopyBuffer(to, from, v.buffer); err != nil {
		return err
	}
	if _, twice := v.files[name]; twice {
		v.wrong("%q is there twice", name)
	}
	v.names = append(v.names, name)
	v.files[name] = hex.EncodeToString(sum.Sum(nil))
	switch name {
	case ManifestName:
		v.Manifest = kept.Bytes()
	case EnvelopeName:
		v.envelope = append([]byte{}, kept.Bytes()...) // an empty one is one too
	}
	return nil
}

// compare holds the files against the manifest.
func (v *verification) compare() {
	if v.Manifest == nil {
		v.wrong("there is no %s", ManifestName)
		return
	}
	subjects, err := v.read(v.Manifest)
	if err != nil {
		v.wrong("%s: %v", ManifestName, err)
		return
	}
	listed := map[string]bool{ManifestName: true, EnvelopeName: true}
	for i, s := range subjects {
		listed[s.Name] = true
		switch got := v.files[s.Name]; {
		case checkName(s.Name) != nil || i > 0 && subjects[i-1].Name >= s.Name:
			v.wrong("%s: it lists %q, which no bundle does there", ManifestName, s.Name)
		case got == "":
			v.wrong("%q is missing", s.Name)
		case got != s.SHA256:
			v.wrong("%q was altered: its SHA-256 is %s, and was %s", s.Name, got, s.SHA256)
		default:
			v.Files++
		}
	}
	for name := range v.files {
		if !listed[name] {
			v.wrong("%q was added", name)
		}
	}
	want := slices.Sorted(maps.Keys(v.files))
	first := func(name string) { // behind those that come before it
		if i := slices.Index(want, name); i >= 0 {
			want = slices.Insert(slices.Delete(want, i, i+1), 0, name)
		}
	}
	first(EnvelopeName)
	first(ManifestName)
	if !slices.Equal(v.names, want) {
		v.wrong("the files are in another order")
	}
}

// signature holds the envelope against the manifest and the key.
func (v *verification) signature(key *Verifier) {
	v.Signed = v.envelope != nil
	if !v.Signed {
		if key != nil {
			v.wrong("it is not signed: there is no %s", EnvelopeName)
		}
		return
	}
	if err := key.verify(v.envelope, v.Manifest); err != nil {
		v.wrong("%s: %v", EnvelopeName, err)
		return
	}
	v.Checked = key != nil
}
