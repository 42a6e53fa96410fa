package bundle

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
)

// payloadType is that of an in-toto statement.
const payloadType = "application/vnd.in-toto+json"

// Signer signs manifests.
type Signer struct{ signer signature.Signer }

// LoadSigner reads a private key: PKCS #8 in PEM, or one that cosign made, for
// which it asks for the password.
func LoadSigner(path string, password func() ([]byte, error)) (*Signer, error) {
	key, err := signature.LoadSignerVerifierFromPEMFile(path, crypto.SHA256, func(bool) ([]byte, error) { return password() })
	if err != nil {
		return nil, fmt.Errorf("reading the private key %s: %w", path, err)
	}
	return &Signer{dsse.WrapSigner(key, payloadType)}, nil
}

func (s *Signer) sign(manifest []byte) ([]byte, error) {
	return s.signer.SignMessage(bytes.NewReader(manifest))
}

// Verifier tells whether a manifest was signed by the owner of a key.
type Verifier struct{ verifier signature.Verifier }

// LoadVerifier reads a public key in PEM.
func LoadVerifier(path string) (*Verifier, error) {
	key, err := signature.LoadVerifierFromPEMFile(path, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("reading the public key %s: %w", path, err)
	}
	return &Verifier{key}, nil
}

// verify says what is wrong with an envelope about a manifest, and without a
// verifier, all of that but whose it is.
func (v *Verifier) verify(envelope, manifest []byte) error {
	if err := canonical(envelope, manifest); err != nil || v == nil {
		return err
	}
	wrapped := dsse.WrapVerifier(v.verifier, dsse.WithExpectedPayloadType(payloadType))
	if err := wrapped.VerifySignature(bytes.NewReader(envelope), nil); err != nil {
		return fmt.Errorf("it is not signed by this key: %w", err)
	}
	return nil
}

// envelope is all that one of ours has.
type envelope struct {
	PayloadType string `json:"payloadType"`
	Payload     string `json:"payload"`
	Signatures  []struct {
		KeyID string `json:"keyid"`
		Sig   string `json:"sig"`
	} `json:"signatures"`
}

// canonical refuses an envelope that is not about the manifest, and what a
// signature does not cover: fields and blanks that none of ours has, and further
// signatures.
func canonical(text, manifest []byte) error {
	var e envelope
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind it")
	}
	again, err := json.Marshal(e)
	if err != nil {
		return err
	}
	switch payload, err := base64.StdEncoding.DecodeString(e.Payload); {
	case !bytes.Equal(again, text) || len(e.Signatures) != 1 || err != nil || e.PayloadType != payloadType:
		return errors.New("it is not as it was written")
	case !bytes.Equal(payload, manifest):
		return errors.New("what it signs is another manifest")
	}
	return nil
}
