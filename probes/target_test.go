//go:build linux

package probes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second // for what must happen; nothing waits for all of it when it does

// startTarget serves a target with a key on ports of the system's choice.
func startTarget(t *testing.T, opts TargetOptions) (*Target, Key) {
	t.Helper()
	target, key := startKeyless(t, opts), NewKey()
	require.NoError(t, target.SetKey(key))
	return target, key
}

func startKeyless(t *testing.T, opts TargetOptions) *Target {
	t.Helper()
	opts.Host = "127.0.0.1"
	if opts.Ports.TCP == nil {
		opts.Ports = Ports{TCP: []int{0}, UDP: []int{0}, Banner: []int{0}, TLS: []int{0}, H2C: []int{0}}
	}
	target, err := ListenTarget(opts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- target.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-served)
	})
	return target
}

func dialTCP(t *testing.T, port int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", hostPort("127.0.0.1", port))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

// receiptsOf watches until n arrivals are recorded, and returns them.
func receiptsOf(t *testing.T, target *Target, n int) []Receipt {
	t.Helper()
	var got []Receipt
	require.Eventually(t, func() bool {
		got = collect(t, target, 0).Receipts
		return len(got) >= n
	}, patience, time.Millisecond)
	require.Len(t, got, n)
	return got
}

func collect(t *testing.T, target *Target, after uint64) Receipts {
	t.Helper()
	var all Receipts
	require.NoError(t, target.Receipts(after, func(r Receipts) error {
		r.Receipts = append(all.Receipts, r.Receipts...)
		all = r
		return nil
	}))
	return all
}

// ask shows a token to one of the target's listeners and returns all that came
// back. For UDP silence is proven by a good datagram behind: its answer is next.
func ask(t *testing.T, target *Target, proto, nonce, token string) string {
	t.Helper()
	switch proto {
	case "http":
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/partywall/%s/%s", target.Ports().HTTP, nonce, token))
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		if resp.StatusCode != http.StatusOK {
			assert.Equal(t, http.StatusNotFound, resp.StatusCode)
		}
		return string(body)
	default:
		c := dialTCP(t, target.Ports().TCP[0])
		_, err := c.Write(question(nonce, token))
		require.NoError(t, err)
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		return string(answer)
	}
}

func portOf(target *Target, proto string) int { return target.ports.of(proto)[0] }

func TestTargetAnswersGoodTokensOnly(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"http", "tcp"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			target, key := startTarget(t, TargetOptions{})
			nonce := NewNonce()
			answer := ask(t, target, proto, nonce, key.Token(nonce))
			assert.True(t, key.Verify(proto, portOf(target, proto), nonce, []byte(answer)), "%q", answer)

			for _, token := range []string{NewKey().Token(nonce), key.Token(NewNonce()), "", "a b", strings.Repeat("a", 200)} {
				assert.Empty(t, ask(t, target, proto, nonce, token), "token %q", token)
			}

			got := receiptsOf(t, target, 6)
			for i, r := range got {
				assert.Equal(t, i == 0, r.Good)
				assert.Equal(t, proto, r.Proto)
				assert.Equal(t, portOf(target, proto), r.Port)
				assert.Equal(t, uint64(i+1), r.Seq)
				assert.Contains(t, r.Remote, "127.0.0.1:")
				assert.WithinDuration(t, time.Now(), r.At, time.Minute)
			}
			assert.Equal(t, nonce, got[1].Nonce, "recorded beside a bad token too")
			said, ok := ParseAnswer([]byte(answer))
			assert.True(t, ok)
			assert.Equal(t, Answer{Nonce: nonce, Boot: target.Boot(), Seq: 1}, said)
		})
	}
}

func TestTargetAnswersGoodDatagramsOnly(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	c, err := net.Dial("udp", hostPort("127.0.0.1", target.Ports().UDP[0]))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))

	nonce := NewNonce()
	silent := [][]byte{
		datagram(nonce, NewKey().Token(nonce)),
		datagram(nonce, ""),
		question(nonce, key.Token(nonce)), // good, but shorter than its answer
		{},
		[]byte(strings.Repeat("x", 1400)),
	}
	for _, d := range append(silent, datagram(nonce, key.Token(nonce))) {
		_, err := c.Write(d)
		require.NoError(t, err)
	}
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	require.NoError(t, err)
	assert.True(t, key.Verify("udp", target.Ports().UDP[0], nonce, buf[:n]))
	said, _ := ParseAnswer(buf[:n])
	assert.Equal(t, uint64(len(silent)+1), said.Seq, "the first answer is that to the last datagram")

	got := receiptsOf(t, target, len(silent)+1)
	assert.True(t, got[2].Good, "the short one was recognised, and not answered")
	assert.False(t, got[0].Good)
	assert.Zero(t, collect(t, target, 0).Lost)
}

func TestTargetWithoutAKeyRecordsAndAnswersNothing(t *testing.T) {
	t.Parallel()
	target := startKeyless(t, TargetOptions{})
	nonce := NewNonce()
	assert.Empty(t, ask(t, target, "tcp", nonce, Key(nil).Token(nonce)))
	_, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/partywall/%s/%s", target.Ports().HTTP, nonce, nonce)) //nolint:bodyclose // there is none
	assert.ErrorIs(t, err, io.EOF)
	for _, r := range receiptsOf(t, target, 2) {
		assert.Equal(t, nonce, r.Nonce)
		assert.False(t, r.Good)
	}
}

func TestConnectingAloneIsRecorded(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{})
	for _, port := range []int{target.Ports().HTTP, target.Ports().TCP[0]} {
		dialTCP(t, port)
	}
	for _, r := range receiptsOf(t, target, 2) {
		assert.Empty(t, r.Nonce)
	}
}

func TestFurtherPortsSpeakTheSameProtocol(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{Ports: Ports{TCP: []int{0, 0}, UDP: []int{0, 0}}})
	nonce := NewNonce()
	port := target.Ports().TCP[1]
	c := dialTCP(t, port)
	_, err := c.Write(question(nonce, key.Token(nonce)))
	require.NoError(t, err)
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.True(t, key.Verify("tcp", port, nonce, answer))
	assert.False(t, key.Verify("tcp", target.Ports().TCP[0], nonce, answer))
}

func TestHalfALineGetsNothing(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	nonce := NewNonce()
	c := dialTCP(t, target.Ports().TCP[0]).(*net.TCPConn)
	_, err := c.Write([]byte(nonce + " " + key.Token(nonce)))
	require.NoError(t, err)
	require.NoError(t, c.CloseWrite())
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Empty(t, answer)
	assert.Equal(t, nonce, receiptsOf(t, target, 1)[0].Nonce)
}

func TestOneConnectionTooManyIsRecordedAndClosed(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{Conns: 1})
	port := target.Ports().TCP[0]
	held := dialTCP(t, port)
	receiptsOf(t, target, 1)

	_, err := dialTCP(t, port).Read(make([]byte, 1))
	assert.Error(t, err)
	receiptsOf(t, target, 2)

	held.Close()
	nonce := NewNonce()
	require.Eventually(t, func() bool {
		c := dialTCP(t, port)
		c.Write(question(nonce, key.Token(nonce)))
		answer, _ := io.ReadAll(c)
		return key.Verify("tcp", port, nonce, answer)
	}, patience, time.Millisecond, "the slot comes back")
}

func TestOverflowIsCounted(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{Receipts: 4})
	for range 6 {
		ask(t, target, "tcp", "n", "t")
	}
	got := collect(t, target, 0)
	assert.Equal(t, []uint64{3, 4, 5, 6}, seqs(got.Receipts))
	assert.Equal(t, uint64(2), got.Lost)
	assert.Equal(t, uint64(6), got.Last)
}

func TestDatagramsThatTheKernelDroppedAreLost(t *testing.T) {
	t.Parallel()
	// Listening, and not reading: the socket's buffer must overflow.
	target, err := ListenTarget(TargetOptions{Host: "127.0.0.1", Ports: Ports{UDP: []int{0}}})
	require.NoError(t, err)
	defer target.Close()
	c, err := net.Dial("udp", hostPort("127.0.0.1", target.Ports().UDP[0]))
	require.NoError(t, err)
	defer c.Close()
	for sent := 0; collect(t, target, 0).Lost == 0; sent++ {
		require.Less(t, sent, 100_000, "no drop was ever counted")
		_, err := c.Write(make([]byte, 1024))
		require.NoError(t, err)
	}
}

func TestReceiptsTravelInBatches(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{})
	arrivals(target.ledger, 2*batchSize+1)
	var sizes []int
	var more []bool
	require.NoError(t, target.Receipts(0, func(r Receipts) error {
		sizes, more = append(sizes, len(r.Receipts)), append(more, r.More)
		return nil
	}))
	assert.Equal(t, []int{batchSize, batchSize, 1}, sizes)
	assert.Equal(t, []bool{true, true, false}, more)
	assert.Empty(t, collect(t, target, 2*batchSize+1).Receipts)
}

func TestTheFirstKeyStands(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	assert.NoError(t, target.SetKey(key), "the same one again")
	assert.ErrorIs(t, target.SetKey(NewKey()), ErrOtherKey)
	assert.ErrorContains(t, target.SetKey(key[:5]), "a key has 32 bytes, this one has 5")
	nonce := NewNonce()
	assert.NotEmpty(t, ask(t, target, "tcp", nonce, key.Token(nonce)))
}

func TestAPortInUseIsSaid(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{})
	for name, p := range map[string]Ports{
		"HTTP":    {HTTP: target.Ports().HTTP},
		"TCP":     {TCP: target.Ports().TCP},
		"UDP":     {UDP: target.Ports().UDP},
		"HTTP/2":  {H2C: target.Ports().H2C},
		"TLS":     {TLS: target.Ports().TLS},
		"banners": {Banner: target.Ports().Banner},
	} {
		_, err := ListenTarget(TargetOptions{Host: "127.0.0.1", Ports: p})
		assert.ErrorContains(t, err, fmt.Sprintf("listening for %s on port %d: ", name, max(p.HTTP, slices.Max(slices.Concat([]int{0}, p.TCP, p.UDP, p.TLS, p.H2C, p.Banner)))))
		assert.ErrorContains(t, err, "address already in use")
	}
}

func TestHealthIsNotRecorded(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{})
	h, err := ListenHealth("127.0.0.1", 0)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- h.Serve(ctx) }()
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", h.Port()))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Zero(t, collect(t, target, 0).Last)
	cancel()
	assert.NoError(t, <-served)
}
