//go:build linux

package probes

import (
	"context"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inPlaceOfSCTP is TCP, by the same calls: there are kernels without SCTP, on
// which tests are run too.
func inPlaceOfSCTP(v6 bool) (int, error) { return streamSocket(v6, unix.IPPROTO_TCP) }

func without(errno error) socket {
	return func(bool) (int, error) { return 0, os.NewSyscallError("socket", errno) }
}

func trySCTP(t *testing.T, open socket, order Order) Observation {
	t.Helper()
	source := NewSource(nil)
	source.sctp = open
	order.Do, order.Nonce, order.Token = DoSCTP, "nonce", "token"
	if order.Host == "" {
		order.Host = "127.0.0.1"
	}
	if order.Deadline == 0 {
		order.Deadline = Duration(patience)
	}
	return source.Attempt(context.Background(), order)
}

func TestOutcomesOfSCTP(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		port     func(*testing.T) int
		deadline Duration
		phase    Phase
		want     Outcome
	}{
		{"closed port", func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"no answer", blackhole, short, PhaseConnect, Dropped},
		{"accepted, never answered", func(t *testing.T) int { return far(t, hangs) }, short, PhaseRead, Dropped},
		{"reset", func(t *testing.T) int { return far(t, resets) }, 0, PhaseRead, Reset},
		{"closed", func(t *testing.T) int { return far(t, closes) }, 0, PhaseRead, Closed},
		{"a stranger's words", func(t *testing.T) int { return far(t, says("220 ready\r\n")) }, 0, PhaseDone, Misrouted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			port := tc.port(t)
			seen := trySCTP(t, inPlaceOfSCTP, Order{Port: port, Deadline: tc.deadline})
			assert.Equal(t, tc.phase, seen.Phase, "%+v", seen)
			assert.Equal(t, tc.want, outcomeOf(seen), "%+v", seen)
			assert.Regexp(t, `^127\.0\.0\.1:\d+$`, seen.Local, "known also where connecting failed")
			assert.Equal(t, hostPort("127.0.0.1", port), seen.Remote)
			assert.False(t, LacksSCTP(seen))
		})
	}
}

func TestSCTPCancelled(t *testing.T) {
	t.Parallel()
	source := NewSource(nil)
	source.sctp = inPlaceOfSCTP
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	seen := source.Attempt(ctx, Order{Do: DoSCTP, Host: "127.0.0.1", Port: blackhole(t), Nonce: "n", Token: "t", Deadline: Duration(patience)})
	assert.Equal(t, "cancelled before it ended", seen.Error)
	assert.Equal(t, Error, Classify(seen, Silent))
}

func TestTargetAnswersBySCTP(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{Ports: Ports{TCP: []int{0}, SCTP: []int{0}}, sctp: inPlaceOfSCTP})
	require.Len(t, target.Ports().SCTP, 1)
	assert.Empty(t, target.NoSCTP())
	port, nonce := target.Ports().SCTP[0], NewNonce()
	source := NewSource(target)
	source.sctp = inPlaceOfSCTP
	order := Order{Do: DoSCTP, Host: "127.0.0.1", Port: port, Nonce: nonce, Token: key.Token(nonce), Deadline: Duration(patience)}
	seen := source.Attempt(t.Context(), order)
	who := Authenticate(seen, order.Question(), key, nil)
	assert.Equal(t, Reached, Classify(seen, who), "%+v", seen)

	// By its own listener too, the weakest control; and nobody without a token.
	own := Order{Do: DoListener, Proto: "sctp", Port: port, Nonce: NewNonce(), Deadline: Duration(patience)}
	assert.Equal(t, Genuine, Authenticate(source.Attempt(t.Context(), own), own.Question(), key, nil))
	order.Nonce, order.Token = NewNonce(), "stolen"
	assert.Equal(t, Closed, outcomeOf(source.Attempt(t.Context(), order)))

	got := receiptsOf(t, target, 3)
	for i, good := range []bool{true, true, false} {
		assert.Equal(t, []any{"sctp", port, good}, []any{got[i].Proto, got[i].Port, got[i].Good})
	}
	assert.Equal(t, seen.Local, got[0].Remote)
}

// A listener on all addresses takes those of both families, or of IPv4 where
// there is no other.
func TestSCTPListensOnAllAddresses(t *testing.T) {
	t.Parallel()
	noIPv6 := func(v6 bool) (int, error) {
		if v6 {
			return without(unix.EAFNOSUPPORT)(v6)
		}
		return inPlaceOfSCTP(v6)
	}
	for name, tc := range map[string]struct {
		open  socket
		hosts []string
	}{
		"both families": {inPlaceOfSCTP, []string{"127.0.0.1", "::1"}},
		"IPv4 alone":    {noIPv6, []string{"127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := openSCTP(TargetOptions{sctp: tc.open}, 0)
			require.NoError(t, err)
			defer l.Close()
			for _, host := range tc.hosts {
				seen := make(chan Observation)
				go func() {
					seen <- trySCTP(t, inPlaceOfSCTP, Order{Host: host, Port: l.Addr().(*net.TCPAddr).Port})
				}()
				c, err := l.Accept()
				require.NoError(t, err)
				assert.Equal(t, host, remoteOf(c.RemoteAddr()).Addr().Unmap().String())
				_, err = c.Read(make([]byte, 512))
				require.NoError(t, err)
				require.NoError(t, c.Close())
				assert.Equal(t, Closed, outcomeOf(<-seen))
			}
		})
	}
}

// Only that there is no socket to be had is no SCTP; and a target without it
// stands all the same.
func TestNoSCTPIsWhatSocketsSayAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		errno error
		lacks bool
		why   string
	}{
		"no such protocol":       {unix.EPROTONOSUPPORT, true, "the node's kernel has no SCTP, so that no pod there can speak it (socket: protocol not supported)"},
		"no such socket":         {unix.ESOCKTNOSUPPORT, true, "the node's kernel has no SCTP"},
		"kept from the process":  {unix.EACCES, true, "the container may make no SCTP socket (socket: permission denied)"},
		"kept by its profile":    {unix.EPERM, true, "the container may make no SCTP socket"},
		"out of descriptors":     {unix.EMFILE, false, ""},
		"out of memory":          {unix.ENOBUFS, false, ""},
		"something else is gone": {unix.EAFNOSUPPORT, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := trySCTP(t, without(tc.errno), Order{Port: 1})
			assert.Equal(t, Error, outcomeOf(seen), "nothing was sent, so nothing was denied")
			assert.Equal(t, tc.lacks, LacksSCTP(seen), "%+v", seen)
			target, err := ListenTarget(TargetOptions{Host: "127.0.0.1", Ports: Ports{SCTP: []int{0}}, sctp: without(tc.errno)})
			if !tc.lacks {
				assert.ErrorContains(t, err, "listening for SCTP on port 0: socket: ")
				return
			}
			require.NoError(t, err)
			defer target.Close()
			assert.Contains(t, seen.Error, tc.why)
			assert.Contains(t, target.NoSCTP(), tc.why)
			assert.Empty(t, target.Ports().SCTP)
		})
	}
	for _, phase := range []Phase{PhaseConnect, PhaseWrite, PhaseRead} {
		for _, errno := range noSCTP {
			assert.False(t, LacksSCTP(Observation{Do: DoSCTP, Phase: phase, Errno: errno}), "%s in %s may be a wall's", errno, phase)
		}
	}
	assert.False(t, LacksSCTP(Observation{Do: DoTCP, Errno: "EPERM"}))
}

// What this very kernel says is one of the two that are planned for.
func TestSCTPOfThisMachine(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{Ports: Ports{TCP: []int{0}, SCTP: []int{0}}})
	order := Order{Do: DoSCTP, Host: "127.0.0.1", Port: 1, Nonce: "n", Token: key.Token("n"), Deadline: Duration(patience)}
	if target.NoSCTP() != "" {
		assert.True(t, LacksSCTP(NewSource(nil).Attempt(t.Context(), order)))
		return
	}
	order.Port = target.Ports().SCTP[0]
	seen := NewSource(nil).Attempt(t.Context(), order)
	assert.Equal(t, Genuine, Authenticate(seen, order.Question(), key, nil), "%+v", seen)
}
