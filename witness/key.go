package witness

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/partywall/partywall/probes"
)

// Key is the secret that a witness and its runners share. Nothing that travels
// tells it: attempts carry tokens of a key derived from it, and both ends of a
// TLS connection show certificates that only it can make.
type Key []byte

const keySize = 32

var errKey = errors.New("a witness's key is 32 random bytes in base64, in a line of its own; `openssl rand -base64 32` makes one")

// ReadKey reads a key from a file.
func ReadKey(path string) (Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the witness's key: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s: %w", path, errKey) // never with what the file holds
	}
	return key, nil
}

// Answers is the key of the witness's target.
func (k Key) Answers() probes.Key { return k.derive("answers") }

// identity is the private key by which an end of the connection is known.
func (k Key) identity(end string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(k.derive("identity of the " + end))
}

func (k Key) derive(purpose string) []byte {
	derived, err := hkdf.Key(sha256.New, k, nil, "partywall/1 witness "+purpose, keySize)
	if err != nil {
		panic(err) // only for lengths that are never asked for
	}
	return derived
}
