package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
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

// most bounds the manifest and its envelope: those of a bundle of ten thousand
// policies take a fifth of it.
const most = 32 << 20

// ErrNoBundle says that a file is none, or does not end where one does.
var ErrNoBundle = errors.New("this is no evidence bundle, or it was cut or damaged")

// Verify reads a bundle and says what of it is not as it was packed; with a key,
// also whether that key signed it. Without one a whole bundle may be another's:
// whoever alters files can alter the digests too. An error means that it cannot
// be read to its end.
func Verify(r io.Reader, key *Verifier) (*Verified, error) {
	in := bufio.NewReader(r)
	v := &verification{files: map[string]string{}}
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

func same(a, b hash.Hash) bool { return bytes.Equal(a.Sum(nil), b.Sum(nil)) }

// take reads one file.
func (v *verification) take(name string, from io.Reader, repacked io.Writer) error {
	sum := sha256.New()
	var kept bytes.Buffer
	to := io.MultiWriter(sum, repacked)
	if name == ManifestName || name == EnvelopeName {
		from = io.LimitReader(from, most)
		to = io.MultiWriter(to, &kept)
	}
	if _, err := io.Copy(to, from); err != nil {
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
		v.envelope = kept.Bytes()
	}
	return nil
}

// compare holds the files against the manifest.
func (v *verification) compare() {
	if v.Manifest == nil {
		v.wrong("there is no %s", ManifestName)
		return
	}
	var statement struct {
		Subject []struct {
			Name   string            `json:"name"`
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if err := json.Unmarshal(v.Manifest, &statement); err != nil {
		v.wrong("%s cannot be read: %v", ManifestName, err)
		return
	}
	listed := map[string]bool{ManifestName: true, EnvelopeName: true}
	for _, s := range statement.Subject {
		listed[s.Name] = true
		switch got := v.files[s.Name]; {
		case got == "":
			v.wrong("%q is missing", s.Name)
		case got != s.Digest["sha256"]:
			v.wrong("%q was altered: its SHA-256 is %s, and was %s", s.Name, got, s.Digest["sha256"])
		default:
			v.Files++
		}
	}
	for name := range v.files {
		if !listed[name] {
			v.wrong("%q was added", name)
		}
	}
	rest := slices.DeleteFunc(slices.Clone(v.names), func(name string) bool { return name == ManifestName || name == EnvelopeName })
	if v.names[0] != ManifestName || !slices.IsSorted(rest) {
		v.wrong("the files are in another order")
	}
}

// signature holds the envelope against the manifest and the key.
func (v *verification) signature(key *Verifier) {
	v.Signed = v.envelope != nil
	switch {
	case key == nil:
	case !v.Signed:
		v.wrong("it is not signed: there is no %s", EnvelopeName)
	default:
		if err := key.verify(v.envelope, v.Manifest); err != nil {
			v.wrong("%s: %v", EnvelopeName, err)
		} else {
			v.Checked = true
		}
	}
}
