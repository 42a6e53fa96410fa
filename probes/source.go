package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

const (
	// DefaultDeadline bounds an attempt whose order names no deadline: room
	// for two retransmissions of a SYN.
	DefaultDeadline = 3500 * time.Millisecond
	maxBytes        = 512 // of an answer that are kept
)

// Source makes attempts.
type Source struct {
	target     *Target // whose listeners DoListener tries; nil in a source-only pod
	nameserver string  // asked in place of those of resolv.conf; empty but in tests
	resolvConf string  // read in place of the pod's; empty but in tests
	sctp       socket  // the kernel's, but in tests
	admin      int     // the port of the pod's own proxy in place of [PortAdmin]; 0 but in tests
}

// NewSource makes a source beside target, which is nil in a source-only pod.
func NewSource(target *Target) *Source { return &Source{target: target, sctp: sctpSocket} }

// Attempt makes one attempt and says what was seen of it, whatever happens.
// The order's deadline bounds all of it, resolving included.
func (s *Source) Attempt(ctx context.Context, order Order) Observation {
	return s.attempt(ctx, order, &names{})
}

// attempt is Attempt as one of a batch.
func (s *Source) attempt(ctx context.Context, order Order, names *names) Observation {
	deadline := time.Duration(order.Deadline)
	if deadline == 0 {
		deadline = DefaultDeadline
	}
	start := time.Now()
	ctx, cancel := context.WithDeadline(ctx, start.Add(deadline))
	defer cancel()

	a := &attempt{source: s, names: names, order: order, start: start, end: start.Add(deadline)}
	a.seen = Observation{ID: order.ID, Round: order.Round, Nonce: order.Nonce, Do: order.Do}
	a.run(ctx)
	a.seen.MS = a.elapsed()
	return a.seen
}

// attempt is one attempt under way.
type attempt struct {
	source *Source
	names  *names
	order  Order
	start  time.Time
	end    time.Time
	seen   Observation
}

// run keeps a fault of the probe inside the attempt that met it.
func (a *attempt) run(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			a.seen.Phase, a.seen.Error = "", fmt.Sprintf("the probe panicked: %v", p)
		}
	}()
	if err := checkOrder(a.order); err != nil {
		a.seen.Error = err.Error()
		return
	}
	a.perform(ctx, a.order.Do)
}

func (a *attempt) perform(ctx context.Context, do Do) {
	if way := wayOf(do); way != nil {
		way(a, ctx)
	}
}

// wayOf is how an attempt of a kind is made; nil where that is no kind of attempt.
func wayOf(do Do) func(*attempt, context.Context) {
	switch do {
	case DoHTTP:
		return (*attempt).http
	case DoH2C:
		return (*attempt).h2c
	case DoTLS:
		return (*attempt).tls
	case DoTCP:
		return (*attempt).tcp
	case DoUDP:
		return (*attempt).udp
	case DoBanner:
		return (*attempt).banner
	case DoConnect:
		return (*attempt).connect
	case DoFirst:
		return (*attempt).first
	case DoHello:
		return (*attempt).hello
	case DoHead:
		return (*attempt).head
	case DoDNS:
		return (*attempt).lookup
	case DoICMP:
		return (*attempt).icmp
	case DoSCTP:
		return (*attempt).sctp
	case DoListener:
		return (*attempt).listener
	case DoKnown:
		return (*attempt).known
	case DoIdentity:
		return (*attempt).identity
	}
	return nil
}

// checkOrder refuses what could not be sent as it stands. Nonce and token go
// into a path and a line: nothing in them may end either.
func checkOrder(o Order) error {
	if o.Deadline < 0 {
		return fmt.Errorf("deadline %s is negative", time.Duration(o.Deadline))
	}
	host := o.Host
	if o.Do == DoDNS { // which alone may ask for anything in a zone
		host = strings.TrimPrefix(host, "*.")
	}
	if o.Do.Inward() && (!isHost(o.Own) || !isHost(o.Namespace)) {
		return fmt.Errorf("own %q or namespace %q is no name", o.Own, o.Namespace)
	}
	if o.Do == DoKnown {
		return checkNonce(o)
	}
	if o.Do != DoListener && !isHost(host) {
		return fmt.Errorf("host %q is neither an address nor a name", o.Host)
	}
	if o.Do == DoDNS {
		return checkLookup(o)
	}
	if o.Do == DoICMP {
		return checkNonce(o)
	}
	if o.Port < 1 || o.Port > 65535 {
		return fmt.Errorf("port %d is not between 1 and 65535", o.Port)
	}
	if f, known := forms[o.Form]; o.Form != "" && !known {
		return fmt.Errorf("form %q is none of a request", o.Form)
	} else if f.shown != nil && !isHost(o.Namespace) {
		return fmt.Errorf("namespace %q, in which whoever is shown would be, is no name", o.Namespace)
	}
	if o.Do == DoConnect || o.Do == DoFirst || o.Do == DoHello || o.Do == DoHead {
		return nil
	}
	if o.Do != DoListener && !isWord(o.Token) {
		return errors.New("the token is not base64url of 1 to 64 characters")
	}
	return checkNonce(o)
}

func checkNonce(o Order) error {
	if !isWord(o.Nonce) {
		return errors.New("the nonce is not base64url of 1 to 64 characters")
	}
	return nil
}

func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && len(host) <= 254 && strings.IndexFunc(host, notHostRune) < 0
}

func notHostRune(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_", r))
}

func (a *attempt) elapsed() float64 { return milliseconds(time.Since(a.start)) }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// fail records how the attempt ended in its present phase.
func (a *attempt) fail(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		// Cut off by the runner: an expired deadline that follows from it is none.
		a.seen.Error = "cancelled before it ended"
		return
	}
	a.seen.Errno = errnoName(err)
	a.seen.Timeout = isTimeout(err)
	a.seen.Alert = alertOf(err)
	a.seen.EOF = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	a.seen.Error = clip(err.Error(), 256)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &t) && t.Timeout()
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// dial resolves and connects, and keeps the phases apart. It returns nil where
// the attempt ended here.
func (a *attempt) dial(ctx context.Context, network string) net.Conn {
	addr, ok := a.resolve(ctx)
	if !ok {
		return nil
	}
	return a.dialTo(ctx, network, netip.AddrPortFrom(addr, uint16(a.order.Port)))
}

// resolve finds the address to try. It is not ok where the attempt ended here.
func (a *attempt) resolve(ctx context.Context) (addr netip.Addr, ok bool) {
	a.seen.Phase = PhaseResolve
	addr, err := a.address(ctx)
	if err != nil {
		a.seen.DNS = dnsClass(err)
		a.fail(ctx, err)
	}
	return addr, err == nil
}

// dialTo connects. It returns nil where the attempt ended here.
func (a *attempt) dialTo(ctx context.Context, network string, remote netip.AddrPort) net.Conn {
	return a.connectBy(ctx, remote, func() (net.Conn, string, error) { return dialBound(ctx, network, remote) })
}

// connectBy connects by a way that says also what local address it was from.
func (a *attempt) connectBy(ctx context.Context, remote netip.AddrPort, dial func() (net.Conn, string, error)) net.Conn {
	a.seen.Phase = PhaseConnect
	a.seen.Remote = remote.String()
	connecting := time.Now()
	conn, local, err := dial()
	a.seen.ConnectMS = milliseconds(time.Since(connecting))
	a.seen.Local = local
	if err != nil {
		a.fail(ctx, err)
		if local == "" {
			// The deadline passed before there was a socket: nothing was
			// sent, so nothing can have been dropped.
			a.seen.Timeout = false
		}
		return nil
	}
	if err := a.limit(ctx, conn); err != nil {
		conn.Close() //nolint:errcheck // it is not used
		a.fail(ctx, err)
		return nil
	}
	return conn
}

// limit makes the deadline and a cancellation end whatever the connection waits for.
func (a *attempt) limit(ctx context.Context, conn net.Conn) error {
	context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed: nothing waits
	return waitUntil(ctx, conn, a.end)
}

// waitUntil bounds the next read. It looks at ctx last, so that a cancellation
// that came just before is not overwritten unseen.
func waitUntil(ctx context.Context, conn net.Conn, until time.Time) error {
	if err := conn.SetReadDeadline(until); err != nil {
		return err
	}
	return ctx.Err()
}

// keep stores the first bytes of an answer.
func (a *attempt) keep(b []byte) { a.seen.Bytes = append([]byte(nil), b[:min(len(b), maxBytes)]...) }
