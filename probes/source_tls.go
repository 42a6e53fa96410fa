package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
)

// tls asks a target by HTTP inside TLS. Whoever answers may show any
// certificate: the target's own is not known to the source, and a proxy that
// ends TLS before it is part of the way that is tried.
func (a *attempt) tls(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	if secured := a.secure(ctx, conn, &tls.Config{NextProtos: []string{"http/1.1"}}); secured != nil {
		a.request(ctx, secured, http.MethodGet, a.hostHeader(portSecured), a.path(), "")
	}
}

// secure makes the connection one of TLS. It returns nil where the attempt ended here.
func (a *attempt) secure(ctx context.Context, conn net.Conn, cfg *tls.Config) net.Conn {
	a.seen.Phase = PhaseHandshake
	tapped := &tappedConn{Conn: conn}
	cfg.ServerName = a.order.Host // an address is not sent as a name
	cfg.InsecureSkipVerify = true // what proves the target is its signed answer
	cfg.CurvePreferences = plainCurves
	secured := tls.Client(tapped, cfg)
	if err := secured.Handshake(); err != nil {
		if first, _ := tapped.seen(); !isTLS(first) {
			a.keep(first)
		}
		a.fail(ctx, err)
		return nil
	}
	return secured
}

// plainCurves make a handshake one packet, for who reads no more, and half the work of
// one that also resists quantum computers: what is said is no secret.
var plainCurves = []tls.CurveID{tls.X25519, tls.CurveP256}

// isTLS knows the start of a handshake's or an alert's record.
func isTLS(b []byte) bool {
	return len(b) > 1 && (b[0] == 21 || b[0] == 22) && b[1] == 3
}

// alertOf is the alert by which the other side ended TLS, if it did. Over TLS
// 1.3 that of a certificate that was not shown comes behind the handshake.
func alertOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err.Error()
	}
	return ""
}
