package probes

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// h2c asks a target by HTTP/2 with prior knowledge, once, on a connection of its
// own.
func (a *attempt) h2c(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.seen.Phase = PhaseRead // both directions are in use from the start
	tapped := &tappedConn{Conn: conn}
	if err := a.requestH2C(ctx, tapped); err != nil {
		a.failH2C(ctx, tapped, err)
		return
	}
	a.seen.Phase = PhaseDone
}

// failH2C records what the connection saw, where the transport's error tells
// less. Somebody who spoke HTTP/2 and gave no response names nobody, however
// it ended.
func (a *attempt) failH2C(ctx context.Context, tapped *tappedConn, err error) {
	first, end := tapped.seen()
	switch {
	case a.seen.Status != 0:
	case len(first) == 0 && end != nil:
		err = end
	case isHTTP2(first) && isTimeout(err): // a proxy on the way spoke it, and waits as we did
	case isHTTP2(first):
		err = errors.New("HTTP/2 without a response: " + err.Error())
	default:
		a.keep(first)
	}
	a.fail(ctx, err)
}

func (a *attempt) requestH2C(ctx context.Context, conn net.Conn) error {
	transport := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		Protocols:              onlyH2C(),
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
	client, err := transport.NewClientConn(ctx, "http", hostPort(a.order.Host, a.order.Port))
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // the attempt is over
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.hostHeader(portPlain)+a.path(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "partywall")
	resp, err := client.RoundTrip(req)
	if err != nil {
		return err
	}
	return a.keepResponse(resp, http.MethodGet)
}

func onlyH2C() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

// isHTTP2 knows the frame that either side of HTTP/2 begins with: settings.
func isHTTP2(b []byte) bool { return len(b) > 3 && b[3] == 4 }
