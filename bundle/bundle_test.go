package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 7, time.UTC)

func text(name, content string) File {
	return File{name, func(w io.Writer) error { _, err := io.WriteString(w, content); return err }}
}

func listed(subjects []Subject) ([]byte, error) {
	type subject struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	var list []subject
	for _, s := range subjects {
		list = append(list, subject{s.Name, map[string]string{"sha256": s.SHA256}})
	}
	return json.Marshal(map[string]any{"subject": list})
}

// unlisted reads what listed wrote.
func unlisted(manifest []byte) ([]Subject, error) {
	var read struct {
		Subject []struct {
			Name   string
			Digest map[string]string
		}
	}
	if err := json.Unmarshal(manifest, &read); err != nil {
		return nil, err
	}
	var subjects []Subject
	for _, s := range read.Subject {
		subjects = append(subjects, Subject{s.Name, s.Digest["sha256"]})
	}
	if again, err := listed(subjects); err != nil || !bytes.Equal(again, manifest) {
		return nil, errors.New("it is not as it was written")
	}
	return subjects, nil
}

func files() []File {
	return []File{text("results.json", `{"results":[]}`), text("junit.xml", "<testsuites/>"), text("policies/a/deny.yaml", "spec: {}\n")}
}

func packed(t *testing.T, signer *Signer) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, files(), noon, listed, signer))
	return b.Bytes()
}

// keys makes a key pair of a kind, as files.
func keys(t *testing.T, private crypto.PrivateKey, public crypto.PublicKey) (*Signer, *Verifier) {
	t.Helper()
	folder := t.TempDir()
	key, err := cryptoutils.MarshalPrivateKeyToPEM(private)
	require.NoError(t, err)
	pub, err := cryptoutils.MarshalPublicKeyToPEM(public)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "key"), key, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pub"), pub, 0o600))
	signer, err := LoadSigner(filepath.Join(folder, "key"), func() ([]byte, error) { return nil, errors.New("no password is needed") })
	require.NoError(t, err)
	verifier, err := LoadVerifier(filepath.Join(folder, "pub"))
	require.NoError(t, err)
	return signer, verifier
}

func edKeys(t *testing.T) (*Signer, *Verifier) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return keys(t, private, public)
}

func verified(t *testing.T, b []byte, key *Verifier) *Verified {
	t.Helper()
	v, err := Verify(bytes.NewReader(b), unlisted, key)
	require.NoError(t, err)
	return v
}

func TestABundleIsWhole(t *testing.T) {
	signer, verifier := edKeys(t)
	_, other := edKeys(t)
	plain, signed := packed(t, nil), packed(t, signer)
	assert.Equal(t, plain, packed(t, nil), "the same files give the same bytes")
	assert.Equal(t, signed, packed(t, signer))

	v := verified(t, plain, nil)
	assert.Empty(t, v.Wrong)
	assert.Equal(t, []any{3, false, false}, []any{v.Files, v.Signed, v.Checked})
	v = verified(t, signed, nil)
	assert.Empty(t, v.Wrong)
	assert.Equal(t, []any{true, false}, []any{v.Signed, v.Checked})
	v = verified(t, signed, verifier)
	assert.Empty(t, v.Wrong)
	assert.Equal(t, []any{3, true, true}, []any{v.Files, v.Signed, v.Checked})

	assert.Equal(t, []string{"it is not signed: there is no manifest.dsse.json"}, verified(t, plain, verifier).Wrong)
	v = verified(t, signed, other)
	assert.False(t, v.Checked)
	require.Len(t, v.Wrong, 1)
	assert.Contains(t, v.Wrong[0], "manifest.dsse.json: it is not signed by this key")
}

// A key that cosign made has a password, and one of another kind is one too.
func TestKeysOfOthers(t *testing.T) {
	folder := t.TempDir()
	private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), func(bool) ([]byte, error) { return []byte("secret"), nil })
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cosign.key"), private, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cosign.pub"), public, 0o600))
	signer, err := LoadSigner(filepath.Join(folder, "cosign.key"), func() ([]byte, error) { return []byte("secret"), nil })
	require.NoError(t, err)
	verifier, err := LoadVerifier(filepath.Join(folder, "cosign.pub"))
	require.NoError(t, err)
	assert.Empty(t, verified(t, packed(t, signer), verifier).Wrong)

	_, err = LoadSigner(filepath.Join(folder, "cosign.key"), func() ([]byte, error) { return []byte("wrong"), nil })
	require.ErrorContains(t, err, "cosign.key")
	_, err = LoadSigner(filepath.Join(folder, "cosign.pub"), nil)
	require.ErrorContains(t, err, "reading the private key")
	_, err = LoadVerifier(filepath.Join(folder, "none.pub"))
	require.ErrorContains(t, err, "reading the public key")
}

// unzip and zip take a bundle apart by other means.
func unzip(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	raw, err := io.ReadAll(r)
	require.NoError(t, err)
	return raw
}

func zip(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// Whatever bit of the archive is another, it is seen.
func TestEveryBitCounts(t *testing.T) {
	signer, verifier := edKeys(t)
	raw := unzip(t, packed(t, signer))
	for i := range raw {
		altered := slices.Clone(raw)
		altered[i] ^= 1 << (i % 8)
		v, err := Verify(bytes.NewReader(zip(t, altered)), unlisted, verifier)
		require.True(t, err != nil || len(v.Wrong) > 0, "bit %d of byte %d of %d", i%8, i, len(raw))
	}
}

// Of the compressed file too, but for bits that no content comes of.
func TestEveryBitOfTheCompressedFile(t *testing.T) {
	signer, verifier := edKeys(t)
	b := packed(t, signer)
	raw := unzip(t, b)
	for i := range b {
		altered := slices.Clone(b)
		altered[i] ^= 1 << (i % 8)
		if v, err := Verify(bytes.NewReader(altered), unlisted, verifier); err == nil && len(v.Wrong) == 0 {
			require.Equal(t, raw, unzip(t, altered), "bit %d of byte %d of %d", i%8, i, len(b))
		}
	}
	for cut := range b {
		_, err := Verify(bytes.NewReader(b[:cut]), unlisted, verifier)
		require.ErrorIs(t, err, ErrNoBundle, "cut at %d", cut)
	}
	assert.Contains(t, verified(t, append(slices.Clone(b), 'x'), verifier).Wrong, "there is something behind the end of the compressed file")
	assert.NotEmpty(t, verified(t, append(slices.Clone(b), b...), verifier).Wrong, "a second one behind it")
}

// repack writes the files of a bundle anew, each as change wants it.
func repack(t *testing.T, b []byte, change func(h *tar.Header, content []byte) (*tar.Header, []byte), more ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	in := tar.NewReader(bytes.NewReader(unzip(t, b)))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		if h, content = change(h, content); h == nil {
			continue
		}
		h.Size = int64(len(content))
		require.NoError(t, w.WriteHeader(h))
		_, err = w.Write(content)
		require.NoError(t, err)
	}
	for _, name := range more {
		require.NoError(t, w.WriteHeader(headerOf(name, 1, noon)))
		_, err := w.Write([]byte("x"))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return zip(t, out.Bytes())
}

// What was altered is told by name.
func TestWhatWasAltered(t *testing.T) {
	signer, verifier := edKeys(t)
	b := packed(t, signer)
	same := func(h *tar.Header, c []byte) (*tar.Header, []byte) { return h, c }
	require.Empty(t, verified(t, repack(t, b, same), verifier).Wrong)
	on := func(name string, change func(h *tar.Header, c []byte) (*tar.Header, []byte)) func(h *tar.Header, c []byte) (*tar.Header, []byte) {
		return func(h *tar.Header, c []byte) (*tar.Header, []byte) {
			if h.Name == name {
				return change(h, c)
			}
			return h, c
		}
	}
	green := func(h *tar.Header, c []byte) (*tar.Header, []byte) { return h, append(c, ' ') }
	for name, tc := range map[string]struct {
		altered []byte
		want    []string
	}{
		"a report":  {repack(t, b, on("junit.xml", green)), []string{`"junit.xml" was altered`}},
		"a missing": {repack(t, b, on("results.json", func(*tar.Header, []byte) (*tar.Header, []byte) { return nil, nil })), []string{`"results.json" is missing`}},
		"an added":  {repack(t, b, same, "zz.txt"), []string{`"zz.txt" was added`}},
		"twice":     {repack(t, b, same, "results.json"), []string{`"results.json" is there twice`, `"results.json" was altered`}},
		"the envelope at the end": {func() []byte {
			var envelope []byte
			without := repack(t, b, on(EnvelopeName, func(_ *tar.Header, c []byte) (*tar.Header, []byte) { envelope = c; return nil, nil }))
			raw := unzip(t, without)
			var tail bytes.Buffer
			w := tar.NewWriter(&tail)
			require.NoError(t, w.WriteHeader(headerOf(EnvelopeName, int64(len(envelope)), noon)))
			_, err := w.Write(envelope)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			return zip(t, append(raw[:len(raw)-1024], tail.Bytes()...))
		}(), []string{"the files are in another order"}},
		"the manifest too": {repack(t, b, func(h *tar.Header, c []byte) (*tar.Header, []byte) {
			if h.Name == ManifestName {
				return h, bytes.Replace(c, []byte("junit"), []byte("tinuj"), 1)
			}
			return h, c
		}), []string{`"junit.xml" was added`, `"tinuj.xml" is missing`, "manifest.dsse.json: what it signs is another manifest"}},
		"an owner": {repack(t, b, on("junit.xml", func(h *tar.Header, c []byte) (*tar.Header, []byte) { h.Uid = 7; return h, c })),
			[]string{"the archive holds something beside its files"}},
		"a garbage envelope, whoever asks": {repack(t, b, on(EnvelopeName, func(h *tar.Header, _ []byte) (*tar.Header, []byte) { return h, nil })),
			[]string{"manifest.dsse.json: it cannot be read"}},
		"no manifest": {repack(t, b, on(ManifestName, func(*tar.Header, []byte) (*tar.Header, []byte) { return nil, nil })), []string{"there is no manifest.json"}},
		"a blank in the envelope": {repack(t, b, on(EnvelopeName, func(h *tar.Header, c []byte) (*tar.Header, []byte) {
			return h, bytes.Replace(c, []byte(`,"payload"`), []byte(`, "payload"`), 1)
		})), []string{"manifest.dsse.json: it is not as it was written"}},
		"a field in the envelope": {repack(t, b, on(EnvelopeName, func(h *tar.Header, c []byte) (*tar.Header, []byte) {
			return h, bytes.Replace(c, []byte(`{"payloadType"`), []byte(`{"x":1,"payloadType"`), 1)
		})), []string{"manifest.dsse.json: it cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []*Verifier{verifier, nil} { // only whose the signature is takes a key
				wrong := strings.Join(verified(t, tc.altered, key).Wrong, "\n")
				for _, want := range tc.want {
					assert.Contains(t, wrong, want)
				}
			}
		})
	}
}

func TestWhatIsNoBundle(t *testing.T) {
	sparse := func(h *tar.Header) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		require.NoError(t, w.WriteHeader(h))
		require.NoError(t, w.Flush())
		return out.Bytes()
	}
	link := sparse(&tar.Header{Typeflag: tar.TypeSymlink, Name: "results.json", Linkname: "/etc/passwd"})
	// An old sparse header that promises 2^62 bytes in a single fragment at their end.
	old := sparse(&tar.Header{Typeflag: tar.TypeReg, Name: "results.json", Format: tar.FormatGNU})
	promise := []byte{0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0}
	copy(old[386:], promise)
	copy(old[398:], []byte("00000000000\x00"))
	copy(old[483:], promise)
	old[156] = 'S'
	copy(old[148:156], "        ")
	sum := 0
	for _, c := range old[:512] {
		sum += int(c)
	}
	copy(old[148:], fmt.Sprintf("%06o\x00 ", sum))
	for name, b := range map[string][]byte{"a link": zip(t, link), "a sparse file": zip(t, append(old, make([]byte, 1024)...)), "nothing": nil, "a text": []byte("results, all green"), "no tar": zip(t, []byte(strings.Repeat("x", 2000)))} {
		_, err := Verify(bytes.NewReader(b), unlisted, nil)
		assert.ErrorIs(t, err, ErrNoBundle, name)
	}
}

func TestWhatABundleCannotHold(t *testing.T) {
	for _, name := range []string{"", ".", "/etc/passwd", "../up", "a/../b", ManifestName, EnvelopeName, strings.Repeat("x", 600)} {
		assert.Error(t, Write(io.Discard, []File{text(name, "x")}, noon, listed, nil), name)
	}
	assert.ErrorContains(t, Write(io.Discard, []File{text("a", "x"), text("a", "y")}, noon, listed, nil), "two files a")
	broken := File{"a", func(io.Writer) error { return errors.New("the disk is full") }}
	assert.EqualError(t, Write(io.Discard, []File{broken}, noon, listed, nil), "a: the disk is full")
	assert.ErrorContains(t, Write(io.Discard, nil, noon, func([]Subject) ([]byte, error) { return nil, fmt.Errorf("no") }, nil), "manifest.json: no")
}
