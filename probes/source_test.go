//go:build linux

package probes

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const short = Duration(300 * time.Millisecond) // for attempts that are to time out

// far is a listener that treats each connection as the test says.
func far(t *testing.T, treat func(*net.TCPConn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				treat(c.(*net.TCPConn))
			})
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// says is a far end that reads something and then says what it is told to.
func says(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		c.Read(make([]byte, 4096))
		c.Write([]byte(text))
	}
}

// speaks is a far end that speaks first, and closes once it is spoken to.
func speaks(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		c.Write([]byte(text))
		c.CloseWrite()
		closes(c)
	}
}

func page(status int, header, body string) func(*net.TCPConn) {
	return says(fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body))
}

func hangs(c *net.TCPConn) {
	for {
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			return
		}
	}
}

func resets(c *net.TCPConn) {
	c.Read(make([]byte, 1))
	c.SetLinger(0)
}

// closes reads all there is, so that closing makes a FIN and no RST.
func closes(c *net.TCPConn) { c.Read(make([]byte, 4096)) }

// closedPort is a port that nobody can open while the test lasts: bound, and
// not listening.
func closedPort(t *testing.T, network string) int {
	t.Helper()
	if network == "tcp" {
		return reserve(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, nil)
	}
	// A bound UDP socket takes datagrams, unless it is connected to another.
	other := &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}}
	return reserve(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, other)
}

func reserve(t *testing.T, family, kind int, addr, peer unix.Sockaddr) int {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, addr))
	if peer != nil {
		require.NoError(t, unix.Connect(fd, peer))
	}
	port, err := boundPort(fd)
	require.NoError(t, err)
	return port
}

// blackhole is a TCP port whose accept queue is full: the kernel drops each SYN.
func blackhole(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	port, err := boundPort(fd)
	require.NoError(t, err)
	for range 16 {
		c, err := net.DialTimeout("tcp", hostPort("127.0.0.1", port), 200*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the accept queue never filled")
	return 0
}

func silentUDP(t *testing.T) (*net.UDPConn, int) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).Port
}

func try(t *testing.T, order Order) Observation {
	t.Helper()
	if order.Host == "" {
		order.Host = "127.0.0.1"
	}
	if order.Deadline == 0 {
		order.Deadline = Duration(patience)
	}
	order.ID, order.Round = "an/id", 2
	order.Nonce, order.Token = "nonce", "token"
	seen := NewSource(nil).Attempt(context.Background(), order)
	assert.Equal(t, "an/id", seen.ID)
	assert.Equal(t, 2, seen.Round)
	assert.Equal(t, "nonce", seen.Nonce)
	assert.Equal(t, order.Do, seen.Do)
	return seen
}

func outcomeOf(o Observation) Outcome {
	return Classify(o, Authenticate(o, Question{Proto: string(o.Do), Nonce: o.Nonce}, NewKey(), nil))
}

// TestOutcomesOnLoopback meets each outcome that can be made without privileges.
func TestOutcomesOnLoopback(t *testing.T) {
	t.Parallel()
	const rbac = "RBAC: access denied"
	for _, tc := range []struct {
		name     string
		do       Do
		port     func(*testing.T) int
		deadline Duration
		phase    Phase
		want     Outcome
	}{
		{"tcp: closed port", DoTCP, func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"tcp: no SYN-ACK", DoTCP, blackhole, short, PhaseConnect, Dropped},
		{"tcp: accepted, never answered", DoTCP, func(t *testing.T) int { return far(t, hangs) }, short, PhaseRead, Dropped},
		{"tcp: reset", DoTCP, func(t *testing.T) int { return far(t, resets) }, 0, PhaseRead, Reset},
		{"tcp: closed", DoTCP, func(t *testing.T) int { return far(t, closes) }, 0, PhaseRead, Closed},
		{"tcp: a banner", DoTCP, func(t *testing.T) int { return far(t, says("220 ready\r\n")) }, 0, PhaseDone, Misrouted},
		{"tcp: a TLS alert", DoTCP, func(t *testing.T) int { return far(t, says("\x15\x03\x01\x00\x02\x02\x46")) }, 0, PhaseRead, TLSRejected},
		{"tcp: an endless line", DoTCP, func(t *testing.T) int { return far(t, says(strings.Repeat("x", 4096))) }, 0, PhaseDone, Misrouted},

		{"http: closed port", DoHTTP, func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"http: no SYN-ACK", DoHTTP, blackhole, short, PhaseConnect, Dropped},
		{"http: never answered", DoHTTP, func(t *testing.T) int { return far(t, hangs) }, short, PhaseRead, Dropped},
		{"http: reset", DoHTTP, func(t *testing.T) int { return far(t, resets) }, 0, PhaseRead, Reset},
		{"http: closed", DoHTTP, func(t *testing.T) int { return far(t, closes) }, 0, PhaseRead, Closed},
		{"http: not HTTP", DoHTTP, func(t *testing.T) int { return far(t, says("220 ready\r\n")) }, 0, PhaseRead, Misrouted},
		{"http: cut before its status", DoHTTP, func(t *testing.T) int { return far(t, says("HTTP/1.1 2")) }, 0, PhaseRead, Error},
		{"http: a page", DoHTTP, func(t *testing.T) int { return far(t, page(200, "", "hello")) }, 0, PhaseDone, Misrouted},
		{"http: a redirect", DoHTTP, func(t *testing.T) int { return far(t, page(302, "Location: http://127.0.0.1:1/\r\n", "")) }, 0, PhaseDone, Misrouted},
		{"http: an interim answer first", DoHTTP, func(t *testing.T) int {
			return far(t, says("HTTP/1.1 103 X\r\n\r\nHTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"))
		}, 0, PhaseDone, Blackholed},
		{"http: only interim answers", DoHTTP, func(t *testing.T) int {
			return far(t, says(strings.Repeat("HTTP/1.1 103 X\r\n\r\n", 9)))
		}, 0, PhaseRead, Error},
		{"http: a policy", DoHTTP, func(t *testing.T) int { return far(t, page(403, "Server: envoy\r\n", rbac)) }, 0, PhaseDone, Forbidden},
		{"http: a policy over gRPC", DoHTTP, func(t *testing.T) int { return far(t, page(200, "grpc-status: 7\r\n", "")) }, 0, PhaseDone, Forbidden},
		{"http: a bare 403", DoHTTP, func(t *testing.T) int { return far(t, page(403, "", "no")) }, 0, PhaseDone, Error},
		{"http: who are you", DoHTTP, func(t *testing.T) int { return far(t, page(401, "WWW-Authenticate: Bearer\r\n", "")) }, 0, PhaseDone, Unauthenticated},
		{"http: no upstream", DoHTTP, func(t *testing.T) int { return far(t, page(502, "", "")) }, 0, PhaseDone, Blackholed},
		{"http: not found", DoHTTP, func(t *testing.T) int { return far(t, page(404, "", "")) }, 0, PhaseDone, Error},

		{"h2c: closed port", DoH2C, func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"h2c: no SYN-ACK", DoH2C, blackhole, short, PhaseConnect, Dropped},
		{"h2c: never answered", DoH2C, func(t *testing.T) int { return far(t, hangs) }, short, PhaseRead, Dropped},
		{"h2c: reset", DoH2C, func(t *testing.T) int { return far(t, resets) }, 0, PhaseRead, Reset},
		{"h2c: closed", DoH2C, func(t *testing.T) int { return far(t, func(c *net.TCPConn) { c.CloseWrite(); hangs(c) }) }, 0, PhaseRead, Closed},
		{"h2c: HTTP/1.1", DoH2C, func(t *testing.T) int { return far(t, page(400, "", "")) }, 0, PhaseRead, Error},
		{"h2c: plain text", DoH2C, func(t *testing.T) int { return far(t, says("220 ready\r\n")) }, 0, PhaseRead, Misrouted},
		{"h2c: a TLS alert", DoH2C, func(t *testing.T) int { return far(t, says("\x15\x03\x01\x00\x02\x02\x46")) }, 0, PhaseRead, TLSRejected},
		{"h2c: settings, and silence", DoH2C, func(t *testing.T) int {
			return far(t, func(c *net.TCPConn) { says("\x00\x00\x00\x04\x00\x00\x00\x00\x00")(c); hangs(c) })
		}, short, PhaseRead, Dropped},
		{"h2c: settings, and closed", DoH2C, func(t *testing.T) int {
			return far(t, says("\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
		}, 0, PhaseRead, Error},
		{"h2c: sent away", DoH2C, func(t *testing.T) int {
			return far(t, func(c *net.TCPConn) {
				says("\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x0b")(c)
				hangs(c)
			})
		}, 0, PhaseRead, Error},

		{"tls: closed port", DoTLS, func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"tls: no SYN-ACK", DoTLS, blackhole, short, PhaseConnect, Dropped},
		{"tls: never answered", DoTLS, func(t *testing.T) int { return far(t, hangs) }, short, PhaseHandshake, Dropped},
		{"tls: reset", DoTLS, func(t *testing.T) int { return far(t, resets) }, 0, PhaseHandshake, Reset},
		{"tls: closed", DoTLS, func(t *testing.T) int { return far(t, closes) }, 0, PhaseHandshake, Closed},
		{"tls: an alert", DoTLS, func(t *testing.T) int { return far(t, says("\x15\x03\x03\x00\x02\x02\x28")) }, 0, PhaseHandshake, TLSRejected},
		{"tls: half an alert", DoTLS, func(t *testing.T) int { return far(t, says("\x15\x03\x03\x00\x02\x02")) }, 0, PhaseHandshake, Closed},
		{"tls: plain HTTP", DoTLS, func(t *testing.T) int { return far(t, page(400, "", "")) }, 0, PhaseHandshake, Error},
		{"tls: plain text", DoTLS, func(t *testing.T) int { return far(t, says("220 ready\r\n")) }, 0, PhaseHandshake, Misrouted},
		{"tls: a byte", DoTLS, func(t *testing.T) int { return far(t, says("x")) }, 0, PhaseHandshake, Misrouted},
		{"tls: an empty handshake", DoTLS, func(t *testing.T) int { return far(t, says("\x16\x03\x03\x00\x00")) }, 0, PhaseHandshake, Error},

		{"banner: closed port", DoBanner, func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"banner: no SYN-ACK", DoBanner, blackhole, short, PhaseConnect, Dropped},
		{"banner: accepted, and silent", DoBanner, func(t *testing.T) int { return far(t, hangs) }, short, PhaseBanner, Dropped},
		{"banner: closed", DoBanner, func(t *testing.T) int { return far(t, func(*net.TCPConn) {}) }, 0, PhaseBanner, Closed},
		{"banner: of somebody", DoBanner, func(t *testing.T) int { return far(t, speaks("220 ready\r\n")) }, 0, PhaseRead, Misrouted},
		{"banner: without an end", DoBanner, func(t *testing.T) int { return far(t, speaks("\x4a\x00\x00\x00\x098.4")) }, 0, PhaseBanner, Misrouted},
		{"banner: an endless one", DoBanner, func(t *testing.T) int { return far(t, speaks(strings.Repeat("x", 4096))) }, 0, PhaseDone, Misrouted},
		{"banner: a TLS alert", DoBanner, func(t *testing.T) int { return far(t, speaks("\x15\x03\x01\x00\x02\x02\x46")) }, 0, PhaseBanner, TLSRejected},
		{"banner: HTTP", DoBanner, func(t *testing.T) int { return far(t, speaks("HTTP/1.1 400 Bad Request\r\n\r\n")) }, 0, PhaseDone, Error},

		{"udp: closed port", DoUDP, func(t *testing.T) int { return closedPort(t, "udp") }, 0, PhaseRead, Refused},
		{"udp: silence", DoUDP, func(t *testing.T) int { _, p := silentUDP(t); return p }, short, PhaseRead, Dropped},

		{"connect: open and silent", DoConnect, func(t *testing.T) int { return far(t, hangs) }, short, PhaseDone, Reached},
		{"connect: a banner", DoConnect, func(t *testing.T) int { return far(t, func(c *net.TCPConn) { c.Write([]byte("220")); hangs(c) }) }, 0, PhaseDone, Reached},
		{"connect: closed at once", DoConnect, func(t *testing.T) int { return far(t, func(*net.TCPConn) {}) }, 0, PhaseRead, Closed},
		{"connect: closed port", DoConnect, func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"connect: no SYN-ACK", DoConnect, blackhole, short, PhaseConnect, Dropped},
		{"first: open and silent", DoFirst, func(t *testing.T) int { return far(t, hangs) }, short, PhaseDone, Reached},
		{"first: a banner", DoFirst, func(t *testing.T) int { return far(t, func(c *net.TCPConn) { c.Write([]byte("220")); hangs(c) }) }, 0, PhaseDone, Reached},
		{"first: closed at once", DoFirst, func(t *testing.T) int { return far(t, func(*net.TCPConn) {}) }, 0, PhaseRead, Closed},
		{"first: closed port", DoFirst, func(t *testing.T) int { return closedPort(t, "tcp") }, 0, PhaseConnect, Refused},
		{"first: no SYN-ACK", DoFirst, blackhole, short, PhaseConnect, Dropped},
		{"head: a page", DoHead, func(t *testing.T) int { return far(t, page(200, "", "")) }, 0, PhaseDone, Reached},
		{"head: an error of its own", DoHead, func(t *testing.T) int { return far(t, page(404, "", "")) }, 0, PhaseDone, Reached},
		{"head: no upstream", DoHead, func(t *testing.T) int { return far(t, page(503, "", "")) }, 0, PhaseDone, Blackholed},
		{"head: closed", DoHead, func(t *testing.T) int { return far(t, closes) }, 0, PhaseRead, Closed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			port := tc.port(t)
			seen := try(t, Order{Do: tc.do, Port: port, Deadline: tc.deadline})
			assert.Equal(t, tc.phase, seen.Phase, "%+v", seen)
			assert.Equal(t, tc.want, outcomeOf(seen), "%+v", seen)
			assert.Equal(t, hostPort("127.0.0.1", port), seen.Remote)
			assert.Regexp(t, `^127\.0\.0\.1:[1-9][0-9]*$`, seen.Local, "known however it ended")
			assert.LessOrEqual(t, len(seen.Bytes), maxBytes)
			if tc.deadline != 0 && tc.phase != PhaseDone {
				assert.GreaterOrEqual(t, seen.MS, 290.0)
			}
		})
	}
}

func TestOnlyTheTargetsOwnAnswerIsReached(t *testing.T) {
	t.Parallel()
	for _, do := range []Do{DoHTTP, DoH2C, DoTLS, DoTCP, DoUDP, DoBanner} {
		t.Run(string(do), func(t *testing.T) {
			t.Parallel()
			target, key := startTarget(t, TargetOptions{})
			order := Order{Do: do, Host: "localhost", Port: portOf(target, string(do)), Nonce: NewNonce(), Deadline: Duration(patience)}
			order.Token = key.Token(order.Nonce)
			seen := NewSource(nil).Attempt(context.Background(), order)
			q := order.Question()
			assert.Equal(t, PhaseDone, seen.Phase, "%+v", seen)
			assert.Equal(t, Reached, Classify(seen, Authenticate(seen, q, key, nil)))
			assert.Equal(t, Misrouted, Classify(seen, Authenticate(seen, q, NewKey(), []Key{NewKey(), key})), "another target's key")
			assert.Equal(t, Misrouted, Classify(seen, Authenticate(seen, q, NewKey(), nil)), "nobody's key")

			got := receiptsOf(t, target, 1)[0]
			assert.Equal(t, seen.Local, got.Remote, "the receipt names the source's own port")
			assert.True(t, got.Good)
			assert.Equal(t, order.Nonce, got.Nonce)
		})
	}
}

func TestABadTokenIsNotReached(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{})
	assert.Equal(t, Closed, outcomeOf(try(t, Order{Do: DoTCP, Port: portOf(target, "tcp")})))
	assert.Equal(t, Error, outcomeOf(try(t, Order{Do: DoHTTP, Port: portOf(target, "http")})))
	assert.Equal(t, Dropped, outcomeOf(try(t, Order{Do: DoUDP, Port: portOf(target, "udp"), Deadline: short})))
	for _, r := range collect(t, target, 0).Receipts {
		assert.False(t, r.Good)
		assert.Equal(t, "nonce", r.Nonce)
	}
}

func TestUDPSendsTheSameDatagramAgain(t *testing.T) {
	t.Parallel()
	silent, port := silentUDP(t)
	heard := make(chan string, 3)
	go func() { // answers the third
		buf := make([]byte, 1024)
		for {
			n, from, err := silent.ReadFrom(buf)
			if err != nil {
				return
			}
			if heard <- string(buf[:n]); len(heard) == cap(heard) {
				silent.WriteTo([]byte("enough"), from)
				return
			}
		}
	}()
	seen := try(t, Order{Do: DoUDP, Port: port, Deadline: Duration(6 * time.Second)})
	assert.Equal(t, "enough", string(seen.Bytes))
	for range 3 {
		assert.Equal(t, string(datagram("nonce", "token")), <-heard)
	}
	assert.GreaterOrEqual(t, seen.MS, 3990.0, "at once, and after one and two thirds of the deadline")
}

func TestHTTPRequestIsPlain(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	lines := make(chan []string, 1)
	port := far(t, func(c *net.TCPConn) {
		var got []string
		for in := bufio.NewScanner(c); in.Scan() && in.Text() != ""; {
			got = append(got, in.Text())
		}
		lines <- got
	})
	try(t, Order{Do: DoHTTP, Port: port})
	assert.Equal(t, []string{
		"GET /partywall/nonce/token HTTP/1.1",
		fmt.Sprintf("Host: 127.0.0.1:%d", port),
		"User-Agent: partywall", "Accept: */*", "Connection: close",
	}, <-lines)
}

func TestHostHeaderLeavesTheDefaultPortOut(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{"a.b.": "a.b", "10.0.0.1": "10.0.0.1", "::1": "[::1]"} {
		assert.Equal(t, want, (&attempt{order: Order{Host: host, Port: 80}}).hostHeader(portPlain))
	}
	assert.Equal(t, "a", (&attempt{order: Order{Host: "a", Port: 443}}).hostHeader(portSecured))
	assert.Equal(t, "a:80", (&attempt{order: Order{Host: "a", Port: 80}}).hostHeader(portSecured))
	assert.Equal(t, "[::1]:81", (&attempt{order: Order{Host: "::1", Port: 81}}).hostHeader(portPlain))
}

func TestHeadersThatTellAreKept(t *testing.T) {
	t.Parallel()
	port := far(t, page(403, "Server: envoy\r\nX-Envoy-Upstream-Service-Time: 3\r\nSet-Cookie: secret\r\nWWW-Authenticate: A\r\nWWW-Authenticate: "+
		strings.Repeat("b", 999)+"\r\n", "no"))
	seen := try(t, Order{Do: DoHTTP, Port: port})
	assert.Equal(t, "envoy", seen.Header["server"])
	assert.Equal(t, "3", seen.Header["x-envoy-upstream-service-time"])
	assert.NotContains(t, seen.Header, "set-cookie")
	assert.Len(t, seen.Header["www-authenticate"], 256)
	assert.Equal(t, "no", string(seen.Bytes))
}

func TestHeadKeepsNoBody(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"HTTP/1.1 200 X\r\n\r\nsecret", "secret\r\n"} {
		seen := try(t, Order{Do: DoHead, Port: far(t, says(text))})
		assert.Empty(t, seen.Bytes)
		assert.NotContains(t, seen.Error, "\r")
	}
}

func TestFirstCountsAndKeepsNothing(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]int{"": 0, "x": 1, "secret": 6, strings.Repeat("secret", 99): maxFirst} {
		heard := make(chan int, 1)
		port := far(t, func(c *net.TCPConn) {
			c.Write([]byte(said))
			n, _ := c.Read(make([]byte, 1))
			heard <- n
		})
		seen := try(t, Order{Do: DoFirst, Port: port})
		assert.Equal(t, want, seen.First)
		assert.Empty(t, seen.Bytes)
		assert.Equal(t, Reached, outcomeOf(seen))
		assert.Zero(t, <-heard, "nothing is sent")
		assert.Less(t, seen.MS, 1e3*patience.Seconds()/2, "a silent one is not waited for as long as the deadline")
	}
}

func TestHeadFollowsNobody(t *testing.T) {
	t.Parallel()
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	followed := make(chan struct{})
	go func() {
		if c, err := elsewhere.Accept(); err == nil {
			c.Close()
			close(followed)
		}
	}()
	seen := try(t, Order{Do: DoHead, Port: far(t, page(302, "Location: http://"+elsewhere.Addr().String()+"/\r\n", ""))})
	elsewhere.Close()
	assert.Equal(t, 302, seen.Status)
	assert.Equal(t, Reached, outcomeOf(seen))
	select {
	case <-followed:
		t.Error("it went where it was sent")
	default:
	}
}

// A server that sends a body after all is not listened to.
func TestHeadWaitsForNoBody(t *testing.T) {
	t.Parallel()
	port := far(t, func(c *net.TCPConn) {
		says("HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\nsecret")(c)
		hangs(c)
	})
	seen := try(t, Order{Do: DoHead, Port: port})
	assert.Equal(t, PhaseDone, seen.Phase, "%+v", seen)
	assert.Empty(t, seen.Bytes)
	assert.Less(t, seen.MS, 1e3*patience.Seconds()/2)
}

func TestAWholeBodyIsTheAnswerOrNone(t *testing.T) {
	t.Parallel()
	key := NewKey()
	port := 0
	port = far(t, func(c *net.TCPConn) {
		line := string(key.answer("http", 8080, "nonce", "boot", 1))
		page(200, "", line+strings.Repeat(" ", maxBytes))(c)
	})
	seen := try(t, Order{Do: DoHTTP, Port: port})
	assert.Len(t, seen.Bytes, maxBytes)
	assert.Equal(t, Unsigned, Authenticate(seen, Question{"http", 8080, "nonce"}, key, nil))
}

func TestAnIPv6Target(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6 loopback")
	} else {
		l.Close()
	}
	port := reserve(t, unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}, nil)
	seen := try(t, Order{Do: DoTCP, Host: "::1", Port: port})
	assert.Equal(t, Refused, outcomeOf(seen))
	assert.True(t, strings.HasPrefix(seen.Local, "[::1]:"), seen.Local)
}

func TestBadOrdersAreErrors(t *testing.T) {
	t.Parallel()
	good := Order{Do: DoTCP, Host: "a", Port: 1, Nonce: "n", Token: "t"}
	for name, tc := range map[string]struct {
		spoil func(*Order)
		want  string
	}{
		"no port":            {func(o *Order) { o.Port = 0 }, "port 0 is not between 1 and 65535"},
		"a large port":       {func(o *Order) { o.Port = 65536 }, "port 65536 is not between 1 and 65535"},
		"no host":            {func(o *Order) { o.Host = "" }, `host "" is neither an address nor a name`},
		"a header in a host": {func(o *Order) { o.Host = "a\r\nX: y" }, `host "a\r\nX: y" is neither an address nor a name`},
		"a long host":        {func(o *Order) { o.Host = strings.Repeat("a", 255) }, "is neither an address nor a name"},
		"no nonce":           {func(o *Order) { o.Nonce = "" }, "the nonce is not base64url of 1 to 64 characters"},
		"a path in a token":  {func(o *Order) { o.Token = "../x" }, "the token is not base64url of 1 to 64 characters"},
		"a past deadline":    {func(o *Order) { o.Deadline = -1 }, "deadline -1ns is negative"},
		"no type":            {func(o *Order) { o.Do = DoDNS }, `type "" is none of A, AAAA, SRV, PTR and TXT`},
		"another transport":  {func(o *Order) { o.Do, o.Type, o.Over = DoDNS, "A", "tls" }, `over "tls" is neither udp, tcp nor https`},
		"a server's name":    {func(o *Order) { o.Do, o.Type, o.Server = DoDNS, "A", "dns:53" }, `server "dns:53" is neither an address nor address:port`},
		"a server's port":    {func(o *Order) { o.Do, o.Type, o.Server = DoDNS, "A", "10.0.0.1:0" }, `server "10.0.0.1:0" is neither`},
		"a long label":       {func(o *Order) { o.Do, o.Type, o.Server, o.Host = DoDNS, "A", "10.0.0.1", strings.Repeat("a", 64) }, "asking for"},
		"no nonce to echo":   {func(o *Order) { o.Do, o.Nonce = DoICMP, "" }, "the nonce is not base64url of 1 to 64 characters"},
		"no listener":        {func(o *Order) { o.Do = DoListener }, "this probe is source-only: it has no listeners"},
	} {
		o := good
		tc.spoil(&o)
		seen := NewSource(nil).Attempt(context.Background(), o)
		assert.Contains(t, seen.Error, tc.want, name)
		assert.Equal(t, Error, Classify(seen, Silent), name)
	}
}

func TestAPanicIsAnObservation(t *testing.T) {
	t.Parallel()
	var none *Source // resolving through it faults
	seen := none.Attempt(context.Background(), Order{Do: DoTCP, Host: "a.invalid.", Port: 1, Nonce: "n", Token: "t"})
	assert.Contains(t, seen.Error, "the probe panicked")
	assert.Equal(t, Error, Classify(seen, Silent))
}

func TestCancellingIsNoTimeout(t *testing.T) {
	t.Parallel()
	for _, do := range []Do{DoTCP, DoHTTP, DoH2C, DoTLS, DoConnect, DoFirst, DoHead, DoBanner} {
		t.Run(string(do), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			port := far(t, func(c *net.TCPConn) { cancel(); hangs(c) })
			seen := NewSource(nil).Attempt(ctx, Order{Do: do, Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t", Deadline: Duration(patience)})
			assert.Equal(t, "cancelled before it ended", seen.Error)
			assert.False(t, seen.Timeout)
			assert.Equal(t, Error, Classify(seen, Silent))
		})
	}
	t.Run("udp", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(context.Background())
		silent, port := silentUDP(t)
		go func() { silent.Read(make([]byte, 1024)); cancel() }()
		seen := NewSource(nil).Attempt(ctx, Order{Do: DoUDP, Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t", Deadline: Duration(patience)})
		assert.Equal(t, Error, Classify(seen, Silent))
		assert.Less(t, seen.MS, 1e3*patience.Seconds()/2)
	})
}

func TestNothingSentIsNothingDropped(t *testing.T) {
	t.Parallel()
	seen := try(t, Order{Do: DoTCP, Port: closedPort(t, "tcp"), Deadline: 1})
	assert.Equal(t, Error, outcomeOf(seen), "%+v", seen)
}

func TestListenerTriesThePodsOwn(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	source := NewSource(target)
	for _, proto := range []string{"http", "h2c", "tls", "tcp", "udp", "banner"} {
		o := Order{Do: DoListener, Proto: proto, Port: portOf(target, proto), Nonce: NewNonce()}
		seen := source.Attempt(context.Background(), o)
		assert.Equal(t, Genuine, Authenticate(seen, o.Question(), key, nil), "%+v", seen)
		assert.Equal(t, DoListener, seen.Do)
	}
	seen := source.Attempt(context.Background(), Order{Do: DoListener, Proto: "tcp", Port: 1, Nonce: "n"})
	assert.Equal(t, "this probe has no listener tcp/1", seen.Error)

	keyless := NewSource(startKeyless(t, TargetOptions{}))
	seen = keyless.Attempt(context.Background(), Order{Do: DoListener, Proto: "tcp", Port: 1, Nonce: "n"})
	assert.Contains(t, seen.Error, "has no key yet")
}
