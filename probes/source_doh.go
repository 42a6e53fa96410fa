package probes

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// PortDoH is where servers of DNS over HTTPS listen.
const PortDoH = 443

const (
	dohPath = "/dns-query" // that RFC 8484's examples have, and so every server
	dohType = "application/dns-message"
)

// lookupHTTPS asks by DNS over HTTPS (RFC 8484). Whoever answers may show any
// certificate: a question for a public name tells nobody anything, and what
// answers it was reached.
func (a *attempt) lookupHTTPS(ctx context.Context, server netip.AddrPort, l lookup, query []byte) {
	conn := a.dialTo(ctx, "tcp", server)
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.seen.Phase = PhaseHandshake
	secured := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // see above
		NextProtos:         []string{"http/1.1"},
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		a.fail(ctx, err)
		return
	}
	if err := a.postQuestion(secured, server, l, query); err != nil {
		a.fail(ctx, err)
		return
	}
	a.seen.Phase = PhaseDone
}

// postQuestion sends one question and reads its answer. An answer that is none
// of DNS is somebody's, but not a resolver's: no evidence.
func (a *attempt) postQuestion(conn net.Conn, server netip.AddrPort, l lookup, query []byte) error {
	a.seen.Phase = PhaseWrite
	const head = "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: partywall\r\nContent-Type: %s\r\nAccept: %[3]s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
	host := server.Addr().String()
	if server.Port() != PortDoH || server.Addr().Is6() {
		host = server.String()
	}
	if _, err := conn.Write(append(fmt.Appendf(nil, head, dohPath, host, dohType, len(query)), query...)); err != nil {
		return err
	}
	a.seen.Phase = PhaseRead
	resp, err := finalResponse(bufio.NewReader(io.LimitReader(conn, maxHeader)), http.MethodPost)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // the connection is closed next
	msg, err := io.ReadAll(io.LimitReader(resp.Body, maxDatagram))
	if err != nil {
		return errCutAnswer
	}
	f, err := l.read(msg)
	if err != nil {
		return fmt.Errorf("HTTP status %d, and no answer of DNS", resp.StatusCode)
	}
	f.truncated = false // there is nothing longer
	a.found(f)
	return nil
}
