package probes

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// macSize is how much of an HMAC-SHA256 is sent: 128 bits cannot be guessed
// in the life of a run, and the answer to a datagram stays short.
const macSize = 16

// maxWord bounds nonces, tokens and boot ids as they are read from the network.
const maxWord = 64

// Key is the secret of one target. The runner and that target know it, and
// nobody else: a source is given tokens.
type Key []byte

// NewKey makes a random key.
func NewKey() Key {
	k := make(Key, KeySize)
	rand.Read(k)
	return k
}

// NewNonce makes the name of one attempt in one round, never used again.
func NewNonce() string { return randomWord(16) }

// newBoot names one life of a probe process.
func newBoot() string { return randomWord(8) }

func randomWord(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Token is what a source shows to be answered once under nonce.
func (k Key) Token(nonce string) string { return k.mac("token", nonce) }

// admits says whether token is the key's own for nonce, in constant time.
func (k Key) admits(nonce, token string) bool {
	return len(k) == KeySize && equalWords(k.Token(nonce), token)
}

// equalWords compares in constant time.
func equalWords(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// answer is the signed line by which a target proves that it was reached. It
// binds protocol and port, so that the answer of one listener cannot pass for
// that of another.
func (k Key) answer(proto string, port int, nonce, boot string, seq uint64) []byte {
	n := strconv.FormatUint(seq, 10)
	mac := k.mac("answer", proto, strconv.Itoa(port), nonce, boot, n)
	return []byte("pw1 " + nonce + " " + boot + " " + n + " " + mac + "\n")
}

// Verify says whether answer is, from its first byte to its last, the line
// that this key's target gives to nonce on that listener. The port is the
// target's own, which a Service may show under another number.
func (k Key) Verify(proto string, port int, nonce string, answer []byte) bool {
	got, ok := ParseAnswer(answer)
	if !ok || len(k) != KeySize || got.Nonce != nonce {
		return false
	}
	return hmac.Equal(k.answer(proto, port, nonce, got.Boot, got.Seq), answer)
}

// bannerNonce stands where an answer has its nonce: who is greeted has not
// shown one yet. No nonce of a run is as short.
const bannerNonce = "-"

// banner is the signed line by which a target speaks first. It binds no nonce,
// so whoever has seen it can show it again; its number is that of the receipt
// of the very arrival that was greeted.
func (k Key) banner(port int, boot string, seq uint64) []byte {
	return k.answer(string(DoBanner), port, bannerNonce, boot, seq)
}

// VerifyBanner says whether line is one that this key's target greets with on
// that port. [ParseAnswer] tells its boot and its number.
func (k Key) VerifyBanner(port int, line []byte) bool {
	return k.Verify(string(DoBanner), port, bannerNonce, line)
}

// mac signs the parts under a label. The parts hold no zero byte (they are
// words and numbers), so no two lists of parts make the same message.
func (k Key) mac(label string, parts ...string) string {
	h := hmac.New(sha256.New, k)
	h.Write([]byte("partywall/1 " + label))
	for _, p := range parts {
		h.Write([]byte{0})
		h.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:macSize])
}

// Answer is what a target's signed line says. It proves nothing before
// [Key.Verify] has agreed.
type Answer struct {
	Nonce string
	Boot  string // the target's boot id: another one than before means a restart
	Seq   uint64 // the receipt of the very arrival that was answered
}

// ParseAnswer reads a signed line without verifying it.
func ParseAnswer(line []byte) (Answer, bool) {
	if len(line) > 4*maxWord {
		return Answer{}, false
	}
	body, ok := strings.CutSuffix(string(line), "\n")
	parts := strings.Split(body, " ")
	if !ok || len(parts) != 5 || parts[0] != "pw1" {
		return Answer{}, false
	}
	if !isWord(parts[1]) || !isWord(parts[2]) || !isWord(parts[4]) {
		return Answer{}, false
	}
	seq, err := strconv.ParseUint(parts[3], 10, 64)
	if err != nil {
		return Answer{}, false
	}
	return Answer{Nonce: parts[1], Boot: parts[2], Seq: seq}, true
}

// isWord accepts base64url only: whatever travels in a URL path, in a line and
// in a MAC must not be able to end any of them.
func isWord(s string) bool {
	if s == "" || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// question is the line that a source sends over TCP and UDP.
func question(nonce, token string) []byte { return []byte(nonce + " " + token + "\n") }

// parseQuestion reads a question; blanks before the line's end are padding.
// A nonce comes back wherever there is one, even beside a token that is missing.
func parseQuestion(line []byte) (nonce, token string) {
	if i := strings.IndexByte(string(line), '\n'); i >= 0 {
		line = line[:i]
	}
	parts := strings.Split(strings.TrimRight(string(line), " \r"), " ")
	if !isWord(parts[0]) {
		return "", ""
	}
	if len(parts) != 2 || !isWord(parts[1]) {
		return parts[0], ""
	}
	return parts[0], parts[1]
}
