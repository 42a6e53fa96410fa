package probes

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
)

// errNoPing is the source's own: nothing was sent, so nothing was denied.
var errNoPing = errors.New("this kernel lets the probe send no echo request: " +
	"its group is not in the node's net.ipv4.ping_group_range")

// icmp sends an echo request with the nonce in it, and awaits it back. The
// kernel of whoever has the address answers. It signs nothing and no target sees
// it, so there are no receipts: what came back proves that somebody at that
// address answered, and silence proves nothing by itself.
func (a *attempt) icmp(ctx context.Context) {
	addr, ok := a.resolve(ctx)
	if !ok {
		return
	}
	a.seen.Remote = addr.String()
	fd, err := echoSocket(addr.Is6())
	if err != nil {
		a.seen.Phase = "" // not begun
		a.fail(ctx, err)
		if errors.Is(err, os.ErrPermission) {
			a.seen.Error = errNoPing.Error()
		}
		return
	}
	a.echo(ctx, fd, addr)
}

func (a *attempt) echo(ctx context.Context, fd int, addr netip.Addr) {
	a.seen.Phase = PhaseConnect
	conn, err := connectEcho(fd, addr)
	if err != nil {
		a.fail(ctx, err)
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over
	if from, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		a.seen.Local = from.IP.String()
	}
	if err := a.limit(ctx, conn); err != nil {
		a.fail(ctx, err)
		return
	}
	a.awaitEcho(ctx, conn, addr)
}

func (a *attempt) awaitEcho(ctx context.Context, conn net.Conn, addr netip.Addr) {
	request, err := echoRequest(addr, a.order.Nonce)
	if err != nil {
		a.fail(ctx, err)
		return
	}
	a.exchangeFor(ctx, conn, request, func(msg []byte) error {
		err := readEcho(addr, a.order.Nonce, msg)
		if err == nil {
			a.keep([]byte(a.order.Nonce))
		}
		return err
	})
}
