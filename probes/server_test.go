//go:build linux

package probes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stream is a runner's end of a stream into a probe.
type stream struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Scanner
	done chan error
}

func open(t *testing.T, s *Server) *stream {
	t.Helper()
	return openUnder(t, context.Background(), s)
}

func openUnder(t *testing.T, ctx context.Context, s *Server) *stream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	far, err := l.Accept()
	require.NoError(t, err)
	st := &stream{t: t, conn: conn, in: bufio.NewScanner(conn), done: make(chan error, 1)}
	st.in.Buffer(nil, 1<<20)
	go func() {
		defer far.Close()
		st.done <- s.Serve(ctx, far)
	}()
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return st
}

func (s *stream) raw(text string) {
	s.t.Helper()
	_, err := io.WriteString(s.conn, text)
	require.NoError(s.t, err)
}

func (s *stream) send(orders ...Order) {
	s.t.Helper()
	for _, o := range orders {
		line, err := json.Marshal(o)
		require.NoError(s.t, err)
		s.raw(string(line) + "\n")
	}
}

func (s *stream) receive() Reply {
	s.t.Helper()
	require.True(s.t, s.in.Scan(), "the stream ended: %v", s.in.Err())
	var r Reply
	dec := json.NewDecoder(bytes.NewReader(s.in.Bytes()))
	dec.DisallowUnknownFields()
	require.NoError(s.t, dec.Decode(&r))
	return r
}

func (s *stream) end() { s.t.Helper(); require.NoError(s.t, s.conn.(*net.TCPConn).CloseWrite()) }

func TestAStreamFromKeyToReceipts(t *testing.T) {
	t.Parallel()
	target := startKeyless(t, TargetOptions{})
	s := open(t, NewServer(target, 0))
	key := NewKey()
	s.send(Order{Do: DoKey, Key: key})
	assert.Equal(t, &Keyed{Boot: target.Boot()}, s.receive().Keyed)
	s.send(Order{Do: DoKey, Key: key})
	assert.Equal(t, &Keyed{Boot: target.Boot()}, s.receive().Keyed)
	s.send(Order{Do: DoKey, Key: NewKey()})
	assert.Equal(t, ErrOtherKey.Error(), s.receive().Fault)

	o := Order{Do: DoTCP, ID: "x", Host: "127.0.0.1", Port: portOf(target, "tcp"), Nonce: NewNonce(), Deadline: Duration(patience)}
	o.Token = key.Token(o.Nonce)
	s.send(o, Order{Do: DoFlush})
	seen := s.receive().Observed
	require.NotNil(t, seen)
	assert.Equal(t, Genuine, Authenticate(*seen, o.Question(), key, nil))
	assert.Equal(t, &End{Got: 1, Answered: 1}, s.receive().End)

	s.send(Order{Do: DoFlush})
	assert.Equal(t, &End{}, s.receive().End, "counts start again")

	s.send(Order{Do: DoReceipts})
	got := s.receive().Receipts
	require.NotNil(t, got)
	require.Len(t, got.Receipts, 1)
	assert.Equal(t, o.Nonce, got.Receipts[0].Nonce)
	assert.Equal(t, target.Boot(), got.Boot)
	s.send(Order{Do: DoReceipts, After: got.Last})
	assert.Empty(t, s.receive().Receipts.Receipts)

	s.end()
	assert.NoError(t, <-s.done)
}

func TestABadLineIsAFaultAndTheStreamGoesOn(t *testing.T) {
	t.Parallel()
	s := open(t, NewServer(nil, 0))
	for _, tc := range []struct{ name, line, want string }{
		{"not JSON", "hello", "reading an order: invalid character"},
		{"an unknown field", `{"do":"flush","hots":"x"}`, `reading an order: json: unknown field "hots"`},
		{"an unknown kind", `{"do":"ping"}`, `reading an order: nobody here knows how to do "ping"`},
		{"no kind", `{}`, `nobody here knows how to do ""`},
		{"two in a line", `{"do":"flush"} {"do":"flush"}`, "more than one value in a line"},
		{"a number for a duration", `{"do":"tcp","deadline":3}`, "reading an order"},
		{"too long", `{"do":"` + strings.Repeat("x", 3*maxLine) + `"}`, "an order is longer than 65536 bytes"},
		{"a key for nobody", `{"do":"key"}`, "source-only"},
		{"receipts of nobody", `{"do":"receipts"}`, "source-only"},
	} {
		s.raw(tc.line + "\n")
		assert.Contains(t, s.receive().Fault, tc.want, tc.name)
	}
	s.raw("\n  \n" + `{"do":"flush"}` + "\n")
	assert.Equal(t, &End{}, s.receive().End, "empty lines are nothing, faults no attempts")

	s.raw(`{"do":"flu`)
	s.end()
	assert.Equal(t, errCutLine.Error(), s.receive().Fault)
	assert.ErrorIs(t, <-s.done, errCutLine)
}

func TestAnOrderInPiecesIsOneOrder(t *testing.T) {
	t.Parallel()
	s := open(t, NewServer(nil, 0))
	for _, piece := range strings.SplitAfter(`{"do":"flush"}`+"\n", "") {
		s.raw(piece)
	}
	assert.NotNil(t, s.receive().End)
}

func TestEveryAttemptIsAnsweredOnceBeforeTheEnd(t *testing.T) {
	t.Parallel()
	port := far(t, closes)
	server := NewServer(nil, 7)
	const n = 100
	for range 3 {
		s := open(t, server)
		go func() { // a runner must read while it writes: it is held back
			for i := range n {
				line, _ := json.Marshal(Order{Do: DoTCP, ID: fmt.Sprint(i), Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t", Deadline: Duration(patience)})
				s.conn.Write(append(line, '\n'))
			}
			io.WriteString(s.conn, `{"do":"flush"}`+"\n")
		}()
		seen := map[string]int{}
		for range n {
			r := s.receive()
			require.NotNil(t, r.Observed, "%+v", r)
			seen[r.Observed.ID]++
			assert.Equal(t, PhaseRead, r.Observed.Phase)
		}
		assert.Len(t, seen, n)
		assert.Equal(t, &End{Got: n, Answered: n}, s.receive().End)
	}
}

func TestInFlightIsBounded(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 64), make(chan struct{})
	port := far(t, func(c *net.TCPConn) { arrived <- struct{}{}; <-release; closes(c) })
	s := open(t, NewServer(nil, 2))
	o := Order{Do: DoTCP, Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t", Deadline: Duration(patience)}
	s.send(o, o, o, o, o, Order{Do: DoFlush})
	<-arrived
	<-arrived
	select {
	case <-arrived:
		t.Error("a third attempt began while two were in flight")
	case <-time.After(50 * time.Millisecond): // the only way to see that nothing comes
	}
	close(release)
	for range 5 {
		assert.NotNil(t, s.receive().Observed)
	}
	assert.Equal(t, &End{Got: 5, Answered: 5}, s.receive().End)
}

func TestTheEndOfOrdersCancelsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	port := far(t, func(c *net.TCPConn) { arrived <- struct{}{}; hangs(c) })
	s := open(t, NewServer(nil, 0))
	s.send(Order{Do: DoTCP, Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t", Deadline: Duration(time.Hour)})
	<-arrived
	s.end()
	assert.Equal(t, "cancelled before it ended", s.receive().Observed.Error)
	assert.NoError(t, <-s.done)
}

func TestTheContextCancelsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	port := far(t, func(c *net.TCPConn) { cancel(); hangs(c) })
	s := openUnder(t, ctx, NewServer(nil, 0))
	s.send(Order{Do: DoTCP, Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t", Deadline: Duration(time.Hour)})
	assert.Equal(t, "cancelled before it ended", s.receive().Observed.Error)
	assert.ErrorIs(t, <-s.done, context.Canceled)
}

func TestARunnerThatLeftEndsTheStream(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	port := far(t, func(c *net.TCPConn) { arrived <- struct{}{}; hangs(c) })
	s := open(t, NewServer(nil, 0))
	s.send(Order{Do: DoTCP, Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t", Deadline: Duration(time.Hour)})
	<-arrived
	s.conn.Close()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("it goes on for nobody")
	}
}

// FuzzParseOrder holds that an order that is accepted is one line of JSON of a
// known kind, and means the same when it is written again.
func FuzzParseOrder(f *testing.F) {
	for _, s := range []string{
		`{"do":"flush"}`, `{"do":"tcp","host":"a","port":1,"deadline":"3.5s"}`, `{"do":"key","key":"AAAA"}`,
		`{"do":"x"}`, `{"do":"flush"}{}`, `{`, `null`, `{"do":"receipts","after":18446744073709551615}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		o, err := parseOrder(bytes.TrimSpace(line))
		if err != nil {
			return
		}
		again, err := json.Marshal(o)
		require.NoError(t, err)
		p, err := parseOrder(again)
		require.NoError(t, err, "%s", again)
		require.Equal(t, o.Do, p.Do)
		require.Equal(t, o.Host, p.Host)
		require.Equal(t, o.Deadline, p.Deadline)
	})
}

// FuzzServe holds that no bytes make a server panic, hang or say a broken line.
func FuzzServe(f *testing.F) {
	f.Add([]byte("{\"do\":\"flush\"}\n{\"do\""))
	f.Add([]byte("{\"do\":\"listener\",\"port\":1}\n\n{}\n"))
	f.Fuzz(func(t *testing.T, orders []byte) {
		for _, does := range []string{"http", "h2c", "tls", "tcp", "udp", "banner", "connect", "first", "head", "dns", "icmp"} {
			if bytes.Contains(orders, []byte(does)) || bytes.Contains(orders, []byte(`\u`)) {
				t.Skip("no attempts on anybody")
			}
		}
		var out bytes.Buffer
		NewServer(nil, 0).Serve(context.Background(), struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(orders), &out})
		for line := range bytes.Lines(out.Bytes()) {
			var r Reply
			require.NoError(t, json.Unmarshal(line, &r))
		}
	})
}
