package probes

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func nameServer(t *testing.T) (*Target, Key) {
	t.Helper()
	target, err := ListenTarget(TargetOptions{Host: "127.0.0.1", Ports: Ports{DNS: []int{0}, DNSTCP: []int{0}}})
	require.NoError(t, err)
	go func() { _ = target.Serve(t.Context()) }()
	key := NewKey()
	require.NoError(t, target.SetKey(key))
	return target, key
}

func arrivalsAt(t *testing.T, target *Target) []Receipt {
	t.Helper()
	var all []Receipt
	require.NoError(t, target.Receipts(0, func(r Receipts) error { all = append(all, r.Receipts...); return nil }))
	return all
}

// A question with a good token is answered and signed, in whatever letters a
// resolver passes it on, and the answer is that to this very question.
func TestANameServerSignsItsAnswer(t *testing.T) {
	target, key := nameServer(t)
	for _, over := range []string{"udp", "tcp"} {
		port := target.Ports().DNS[0]
		if over == "tcp" {
			port = target.Ports().DNSTCP[0]
		}
		nonce := NewNameNonce()
		order := Order{
			Do: DoDNS, Nonce: nonce, Host: strings.ToUpper(key.Name(nonce, "canary.example")), Type: "TXT", Over: over, Port: port,
			Server: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Deadline: Duration(3 * time.Second),
		}
		seen := NewSource(nil).Attempt(context.Background(), order)
		assert.Equal(t, Genuine, Authenticate(seen, order.Question(), key, nil), "%s: %+v", over, seen)
		other := order.Question()
		other.Nonce = NewNameNonce()
		assert.NotEqual(t, Genuine, Authenticate(seen, other, key, nil), over)
		assert.NotEqual(t, Genuine, Authenticate(seen, order.Question(), NewKey(), nil), over)
		all := arrivalsAt(t, target)
		last := all[len(all)-1]
		assert.Equal(t, nonce, last.Nonce)
		assert.True(t, last.Good)
		assert.Equal(t, over, last.Proto)
	}
}

// A stranger is told nothing, and gets no more bytes than he sent; his
// question is recorded all the same.
func TestANameServerIsNoAmplifier(t *testing.T) {
	target, key := nameServer(t)
	nonce := NewNameNonce()
	for _, name := range []string{
		"canary.example.", "www.example.com.", nonce + "." + NewNameNonce() + ".canary.example.", NewKey().Name(nonce, "canary.example"),
		strings.SplitN(key.Name(nonce, "canary.example"), ".", 2)[1], // the end of a name, as a resolver asks for it
	} {
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeTXT, dnsmessage.TypeA, dnsmessage.TypeALL, dnsmessage.TypeNS} {
			m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
			packed, err := m.Pack()
			require.NoError(t, err)
			before := len(arrivalsAt(t, target))
			answer := target.answerName(53, target.ledger.open("udp", 53, remoteOf(nil), true), packed)
			assert.LessOrEqual(t, len(answer), len(packed))
			var reply dnsmessage.Message
			require.NoError(t, reply.Unpack(answer))
			assert.Empty(t, reply.Answers)
			assert.Equal(t, dnsmessage.RCodeSuccess, reply.RCode, "a name that is said not to be there ends the search for those below it")
			assert.Len(t, arrivalsAt(t, target), before+1)
		}
	}
	for _, junk := range []string{"", "x", strings.Repeat("\x00", 12), strings.Repeat("\xff", 300)} {
		assert.Empty(t, target.answerName(53, 1, []byte(junk)))
	}
}
