package probes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTokenIsOfOneKeyAndOneNonce(t *testing.T) {
	t.Parallel()
	key, nonce := NewKey(), NewNonce()
	token := key.Token(nonce)
	assert.True(t, key.admits(nonce, token))
	assert.False(t, key.admits(NewNonce(), token), "another nonce")
	assert.False(t, NewKey().admits(nonce, token), "another key")
	assert.False(t, key.admits(nonce, token[:len(token)-1]), "cut")
	assert.False(t, key.admits(nonce, ""), "none")
	assert.False(t, Key(nil).admits(nonce, Key(nil).Token(nonce)), "a target without a key admits nobody")
}

func TestNoncesAndTokensTravelInAPath(t *testing.T) {
	t.Parallel()
	for range 100 {
		nonce := NewNonce()
		assert.True(t, isWord(nonce))
		assert.True(t, isWord(NewKey().Token(nonce)))
	}
	for _, s := range []string{"", "a b", "a/b", "a\n", "a\x00", "ä", "%2f", "..", strings.Repeat("a", maxWord+1)} {
		assert.False(t, isWord(s), "%q", s)
	}
}

func TestVerifyTakesTheExactLineOnly(t *testing.T) {
	t.Parallel()
	key, nonce, boot := NewKey(), NewNonce(), newBoot()
	good := string(key.answer("tcp", 9007, nonce, boot, 7))
	other := string(NewKey().answer("tcp", 9007, nonce, boot, 7))

	assert.True(t, key.Verify("tcp", 9007, nonce, []byte(good)))
	assert.False(t, key.Verify("udp", 9007, nonce, []byte(good)), "another protocol")
	assert.False(t, key.Verify("tcp", 9008, nonce, []byte(good)), "another port")
	assert.False(t, key.Verify("tcp", 9007, NewNonce(), []byte(good)), "another nonce: an answer shown again")
	assert.False(t, Key(nil).Verify("tcp", 9007, nonce, Key(nil).answer("tcp", 9007, nonce, boot, 7)), "no key")

	for name, answer := range map[string]string{
		"empty":                "",
		"a byte before":        " " + good,
		"a byte behind":        good + " ",
		"no line end":          strings.TrimSuffix(good, "\n"),
		"carriage return":      strings.TrimSuffix(good, "\n") + "\r\n",
		"twice":                good + good,
		"another key":          other,
		"another sequence":     strings.Replace(good, " 7 ", " 8 ", 1),
		"a zero in front":      strings.Replace(good, " 7 ", " 07 ", 1),
		"a sign in front":      strings.Replace(good, " 7 ", " +7 ", 1),
		"another boot":         strings.Replace(good, boot, newBoot(), 1),
		"two blanks":           strings.Replace(good, " ", "  ", 1),
		"another version":      strings.Replace(good, "pw1", "pw2", 1),
		"more than fits":       strings.Replace(good, boot, strings.Repeat("a", 4096), 1),
		"the token, not a MAC": "pw1 " + nonce + " " + boot + " 7 " + key.Token(nonce) + "\n",
	} {
		assert.False(t, key.Verify("tcp", 9007, nonce, []byte(answer)), name)
	}

	got, ok := ParseAnswer([]byte(good))
	assert.True(t, ok)
	assert.Equal(t, Answer{Nonce: nonce, Boot: boot, Seq: 7}, got)
}

func TestQuestionsAreReadWithTheirPadding(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, line, nonce, token string }{
		{"as sent", "n t\n", "n", "t"},
		{"padded", "n t     \n", "n", "t"},
		{"a terminal's line end", "n t\r\n", "n", "t"},
		{"not ended", "n t", "n", "t"},
		{"nonce alone", "n\n", "n", ""},
		{"three words", "n t u\n", "n", ""},
		{"a bad token", "n t/u\n", "n", ""},
		{"a bad nonce", "n/ t\n", "", ""},
		{"another protocol", "GET / HTTP/1.1\r\n", "GET", ""},
		{"what follows the line is not read", "n t\nu", "n", "t"},
		{"nothing", "", "", ""},
	} {
		nonce, token := parseQuestion([]byte(tc.line))
		assert.Equal(t, [2]string{tc.nonce, tc.token}, [2]string{nonce, token}, tc.name)
	}
	nonce, token := parseQuestion(datagram("n", "t"))
	assert.Equal(t, [2]string{"n", "t"}, [2]string{nonce, token})
}

func TestDatagramIsNeverShorterThanItsAnswer(t *testing.T) {
	t.Parallel()
	key, nonce := NewKey(), strings.Repeat("n", maxWord)
	answer := key.answer("udp", 65535, nonce, newBoot(), ^uint64(0))
	assert.LessOrEqual(t, len(answer), len(datagram(nonce, key.Token(nonce))))
	assert.Len(t, datagram("n", "t"), datagramSize)
}

// FuzzVerify holds that no bytes verify but the very ones the key made.
func FuzzVerify(f *testing.F) {
	key := Key(strings.Repeat("k", KeySize))
	good := key.answer("http", 8080, "nonce", "boot", 1)
	f.Add(good)
	f.Add([]byte("pw1 nonce boot 1 mac\n"))
	f.Add(append(good, good...))
	f.Add([]byte("pw1     \n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if key.Verify("http", 8080, "nonce", answer) && string(answer) != string(good) {
			t.Fatalf("verified %q", answer)
		}
	})
}

// FuzzParseQuestion holds that what is read can be put into a receipt and a line.
func FuzzParseQuestion(f *testing.F) {
	for _, s := range []string{"n t\n", "n t   \n", "\n", " ", "n\x00 t\n", "GET / HTTP/1.1\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		nonce, token := parseQuestion(line)
		if nonce != "" && !isWord(nonce) || token != "" && (nonce == "" || !isWord(token)) {
			t.Fatalf("%q became %q and %q", line, nonce, token)
		}
	})
}
