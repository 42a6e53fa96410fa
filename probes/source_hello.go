package probes

import (
	"context"
	"crypto/tls"
	"net/netip"
	"strings"
)

// hello begins TLS with a service that is not ours, by the name that it was asked
// for, and is done when a byte comes back. A proxy of the source's own takes every
// connection, and those that it has no way for it ends; whether it has one it
// may only decide by what the client says.
func (a *attempt) hello(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.seen.Phase = PhaseHandshake
	tapped := &tappedConn{Conn: conn}
	name := strings.TrimSuffix(a.order.Host, ".")
	if _, err := netip.ParseAddr(name); err == nil {
		name = "" // an address is no name to be sent
	}
	err := tls.Client(tapped, &tls.Config{
		ServerName:         name,
		NextProtos:         []string{"h2", "http/1.1"},
		CurvePreferences:   plainCurves,
		InsecureSkipVerify: true, //nolint:gosec // nothing is said beyond the name, and whoever answers was reached
	}).HandshakeContext(ctx)
	first, end := tapped.seen()
	switch {
	case isTLSAlert(first):
		a.seen.Error = "TLS was refused by an alert, which a wall on the way may send as well as the service"
	case len(first) > 0:
		a.seen.First, a.seen.Phase = len(first), PhaseDone
	case end != nil:
		a.fail(ctx, end)
	default:
		a.fail(ctx, err)
	}
}
