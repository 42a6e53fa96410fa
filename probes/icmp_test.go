//go:build linux

package probes

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// mayPing says whether this kernel lets the test send echo requests.
func mayPing(t *testing.T) bool {
	t.Helper()
	fd, err := echoSocket(false)
	if errors.Is(err, os.ErrPermission) {
		return false
	}
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
	return true
}

func TestEchoOfThisMachine(t *testing.T) {
	t.Parallel()
	if !mayPing(t) {
		t.Skip("net.ipv4.ping_group_range leaves this process out")
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		order := Order{Do: DoICMP, Host: host, Nonce: NewNonce(), Deadline: Duration(patience)}
		seen := NewSource(nil).Attempt(context.Background(), order)
		assert.Equal(t, PhaseDone, seen.Phase, "%+v", seen)
		who := Authenticate(seen, order.Question(), NewKey(), nil)
		assert.Equal(t, Echoed, who)
		assert.Equal(t, Reached, Classify(seen, who))
		assert.Equal(t, []string{host, host}, []string{seen.Local, seen.Remote})
	}
	seen := NewSource(nil).Attempt(context.Background(), Order{Do: DoICMP, Host: "255.255.255.255", Nonce: "n", Deadline: short})
	assert.Equal(t, PhaseConnect, seen.Phase, "%+v", seen)
}

func TestAKernelThatAllowsNoEchoIsNoDenial(t *testing.T) {
	t.Parallel()
	if mayPing(t) {
		t.Skip("net.ipv4.ping_group_range lets this process in")
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		seen := NewSource(nil).Attempt(context.Background(), Order{Do: DoICMP, Host: host, Nonce: "n", Deadline: short})
		assert.Equal(t, "EACCES", seen.Errno)
		assert.Equal(t, errNoPing.Error(), seen.Error)
		assert.Equal(t, Error, Classify(seen, Silent))
	}
}

// standIn makes an echo over UDP, which reads and writes alike: the far end is
// the test's own.
func standIn(t *testing.T, replies ...icmp.Message) Observation {
	t.Helper()
	far, port := silentUDP(t)
	go func() {
		_, from, err := far.ReadFrom(make([]byte, 1500))
		for i := 0; err == nil && i < len(replies); i++ {
			var b []byte
			if b, err = replies[i].Marshal(nil); err == nil {
				_, err = far.WriteTo(b, from)
			}
		}
	}()
	addr := netip.MustParseAddr("127.0.0.1")
	a := &attempt{source: NewSource(nil), order: Order{Do: DoICMP, Nonce: "nonce"}}
	a.end = time.Now().Add(time.Duration(short))
	ctx, cancel := context.WithDeadline(context.Background(), a.end)
	defer cancel()
	conn := a.dialTo(ctx, "udp", netip.AddrPortFrom(addr, uint16(port)))
	require.NotNil(t, conn)
	defer conn.Close()
	a.awaitEcho(ctx, conn, addr)
	return a.seen
}

func TestOnlyTheVeryNonceIsAnEcho(t *testing.T) {
	t.Parallel()
	reply := func(data string) icmp.Message {
		return icmp.Message{Type: ipv4.ICMPTypeEchoReply, Body: &icmp.Echo{Data: []byte(data)}}
	}
	request := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{Data: []byte("nonce")}}
	for _, tc := range []struct {
		name    string
		replies []icmp.Message
		want    Outcome
	}{
		{"the nonce", []icmp.Message{reply("nonce")}, Reached},
		{"behind others", []icmp.Message{reply("other"), request, reply("nonce")}, Reached},
		{"another", []icmp.Message{reply("other")}, Error},
		{"the request itself", []icmp.Message{request}, Error},
		{"part of it", []icmp.Message{reply("nonc")}, Error},
		{"more than it", []icmp.Message{reply("nonces")}, Error},
		{"silence", nil, Dropped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			seen := standIn(t, tc.replies...)
			who := Authenticate(seen, Question{Proto: "icmp", Nonce: "nonce"}, NewKey(), nil)
			assert.Equal(t, tc.want, Classify(seen, who), "%+v", seen)
		})
	}
}

func TestEchoRequestIsOfItsFamily(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]icmp.Type{"10.0.0.1": ipv4.ICMPTypeEcho, "fd00::1": ipv6.ICMPTypeEchoRequest} {
		addr, proto := netip.MustParseAddr(host), protoICMP
		if addr.Is6() {
			proto = protoICMPv6
		}
		b, err := echoRequest(addr, "nonce")
		require.NoError(t, err)
		m, err := icmp.ParseMessage(proto, b)
		require.NoError(t, err)
		assert.Equal(t, want, m.Type)
		assert.Equal(t, "nonce", string(m.Body.(*icmp.Echo).Data))
	}
}

// FuzzReadEcho holds that nothing is an echo but a reply that ends in the nonce.
func FuzzReadEcho(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x01nonce"))
	f.Add([]byte("\x81\x00\x00\x00\x00\x01\x00\x01nonce"))
	f.Add([]byte("\x03\x01\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, msg []byte) {
		for host, reply := range map[string]byte{"10.0.0.1": 0, "fd00::1": 129} {
			if readEcho(netip.MustParseAddr(host), "nonce", msg) != nil {
				continue
			}
			require.Equal(t, reply, msg[0])
			require.Equal(t, "nonce", string(msg[8:]))
		}
	})
}
