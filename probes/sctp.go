package probes

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// socket makes one that nothing was done with yet.
type socket func(v6 bool) (fd int, err error)

// noSCTP are the errors by which a kernel that has no SCTP, or keeps it from
// the container, answers whoever asks for a socket. No packet was sent by then,
// so that nothing on the way to another pod can bring them about.
var noSCTP = []string{"EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EACCES", "EPERM"}

// LacksSCTP says that an attempt by SCTP never began, since its source got no
// socket for it.
func LacksSCTP(o Observation) bool {
	return o.Do == DoSCTP && o.Phase == "" && slices.Contains(noSCTP, o.Errno)
}

// whyNoSCTP puts such an error into words that follow the name of a pod.
func whyNoSCTP(err error) string {
	switch errnoName(err) {
	case "EACCES", "EPERM":
		return fmt.Sprintf("the container may make no SCTP socket (%v)", err)
	default:
		return fmt.Sprintf("the node's kernel has no SCTP, so that no pod there can speak it (%v)", err)
	}
}

// sctp does by SCTP what tcp does by TCP.
func (a *attempt) sctp(ctx context.Context) {
	addr, ok := a.resolve(ctx)
	if !ok {
		return
	}
	fd, err := a.source.sctp(addr.Is6())
	if err != nil {
		a.seen.Phase = "" // not begun
		a.fail(ctx, err)
		if LacksSCTP(a.seen) {
			a.seen.Error = whyNoSCTP(err)
		}
		return
	}
	remote := netip.AddrPortFrom(addr, uint16(a.order.Port))
	conn := a.connectBy(ctx, remote, func() (net.Conn, string, error) { return dialSocket(ctx, fd, remote) })
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over
	a.ask(ctx, conn, conn)
}

// listenSCTP opens the listeners for SCTP where the kernel lets it. Where not,
// the target is one all the same, and knows why it has none.
func (t *Target) listenSCTP(opts TargetOptions) error {
	for _, port := range opts.Ports.SCTP {
		l, err := openSCTP(opts, port)
		if err != nil && slices.Contains(noSCTP, errnoName(err)) {
			t.noSCTP = whyNoSCTP(err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("listening for SCTP on port %d: %w", port, err)
		}
		answer := func(port int, c *visit) { t.answerLine(DoSCTP, port, c) }
		t.ports.SCTP = append(t.ports.SCTP, t.answerStreams(t.witnessOn(l, string(DoSCTP)), answer))
	}
	return nil
}

// openSCTP listens on one address, or on all of both families, or of IPv4 where
// there is no other.
func openSCTP(opts TargetOptions, port int) (net.Listener, error) {
	if opts.Host != "" {
		host, err := netip.ParseAddr(opts.Host)
		if err != nil {
			return nil, err
		}
		return listenOn(opts.sctp, netip.AddrPortFrom(host, uint16(port)))
	}
	l, err := listenOn(opts.sctp, netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)))
	if err != nil {
		return listenOn(opts.sctp, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)))
	}
	return l, nil
}

func listenOn(open socket, at netip.AddrPort) (net.Listener, error) {
	fd, err := open(at.Addr().Is6())
	if err != nil {
		return nil, err
	}
	return listenSocket(fd, at)
}
