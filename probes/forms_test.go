//go:build linux

package probes

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A target answers every form of the one question, and of none without its token.
func TestEveryFormOfARequestIsAnswered(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	port := target.Ports().HTTP
	source := NewSource(target)
	for _, form := range append(Forms(), "") {
		nonce := NewNonce()
		o := Order{Do: DoHTTP, Form: form, Host: "127.0.0.1", Port: port, Nonce: nonce, Token: key.Token(nonce), Deadline: Duration(patience)}
		seen := source.Attempt(context.Background(), o)
		assert.Equal(t, Reached, Classify(seen, Authenticate(seen, o.Question(), key, nil)), "%s: %+v", form, seen)
		o.Token = strings.Repeat("x", len(o.Token))
		seen = source.Attempt(context.Background(), o)
		assert.Equal(t, 404, seen.Status, form)
		assert.Empty(t, seen.Bytes, form)
	}
	seen := source.Attempt(context.Background(), Order{Do: DoHTTP, Form: "method-dance", Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t"})
	assert.Contains(t, seen.Error, `form "method-dance" is none of a request`)
}

func TestTheQuestionOfAPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][2]string{
		"/partywall/n/t": {"n", "t"}, "//partywall/n/t": {"n", "t"}, "/x/../partywall/n/t": {"n", "t"}, "n/t": {}, "/n/t": {"n", "t"},
		"/partywall/n": {"partywall", "n"}, "": {}, "/": {}, "/a b/t": {}, "/partywall/n/": {"n", ""},
	} {
		nonce, token := pathQuestion(path)
		assert.Equal(t, want, [2]string{nonce, token}, path)
	}
}
