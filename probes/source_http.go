package probes

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// The ports that the names of services leave out.
const (
	portPlain   = 80
	portSecured = 443
)

const (
	maxHeader  = 64 << 10
	maxInterim = 5 // 1xx answers before the real one
)

// keptHeaders are those that tell who answered, and why.
var keptHeaders = []string{
	"server", "www-authenticate", "grpc-status", "grpc-message", "content-type", "location",
	"x-envoy-upstream-service-time", CallerHeader,
}

// lengthHeader is kept of what has no body.
const lengthHeader = "content-length"

// http asks a target by HTTP/1.1, once, on a connection of its own: no proxy of
// the environment, no redirect and no idle connection stands between.
func (a *attempt) http(ctx context.Context) {
	if conn := a.dial(ctx, "tcp"); conn != nil {
		defer conn.Close() //nolint:errcheck // the attempt is over
		f := forms[a.order.Form]
		if f.shown != nil {
			if conn = a.show(ctx, conn, f.shown); conn == nil {
				return
			}
		}
		path := a.path()
		if f.path != nil {
			path = f.path(path)
		}
		host := a.hostHeader(portPlain)
		if f.host != nil {
			host = f.host(host)
		}
		a.request(ctx, conn, cmp.Or(f.method, http.MethodGet), host, path, f.header)
	}
}

// path is the question of an HTTP attempt.
func (a *attempt) path() string { return pathPrefix + a.order.Nonce + "/" + a.order.Token }

// head asks a service that is not ours, and keeps nothing of a body.
func (a *attempt) head(ctx context.Context) {
	if conn := a.dial(ctx, "tcp"); conn != nil {
		defer conn.Close() //nolint:errcheck // the attempt is over
		a.request(ctx, conn, http.MethodHead, a.hostHeader(portPlain), "/", "")
	}
}

// request sends one and reads its answer. The lines of header stand in place of the
// one by which the connection ends with the answer.
func (a *attempt) request(ctx context.Context, conn net.Conn, method, host, path, header string) {
	a.seen.Phase = PhaseWrite
	if header == "" {
		header = "Connection: close\r\n"
	}
	req := "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: partywall\r\nAccept: */*\r\n%s\r\n"
	if _, err := fmt.Fprintf(conn, req, method, path, host, header); err != nil {
		a.fail(ctx, err)
		return
	}
	a.seen.Phase = PhaseRead
	if err := a.response(conn, method); err != nil {
		a.fail(ctx, err)
		return
	}
	a.seen.Phase = PhaseDone
}

// hostHeader names the service as its clients do: a mesh's proxy looks the
// destination up by it. The standard port of the scheme is the one that goes
// without saying. The dot that keeps the search list out is not part of it.
func (a *attempt) hostHeader(standard int) string {
	host := strings.TrimSuffix(a.order.Host, ".")
	if a.order.Port != standard {
		return hostPort(host, a.order.Port)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		return "[" + host + "]"
	}
	return host
}

func (a *attempt) response(conn net.Conn, method string) error {
	raw := &firstBytes{}
	in := bufio.NewReader(io.TeeReader(io.LimitReader(conn, maxHeader), raw))
	resp, err := finalResponse(in, method)
	if err != nil {
		if method != http.MethodHead {
			a.keep(raw.kept)
		}
		return err
	}
	return a.keepResponse(resp, method)
}

func (a *attempt) keepResponse(resp *http.Response, method string) error {
	defer resp.Body.Close() //nolint:errcheck // the connection is closed next
	a.seen.Status = resp.StatusCode
	a.seen.Header = keepHeaders(resp.Header)
	if method == http.MethodHead {
		if a.order.Do.onTarget() {
			a.keepHead(resp.Header)
		}
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	a.keep(body)
	return err
}

// keepHead keeps what tells who answered a HEAD: the target by its line, and a policy
// by how long its words are.
func (a *attempt) keepHead(h http.Header) {
	if line := h.Get(answerHeader); line != "" {
		a.keep([]byte(line + "\n"))
	}
	if long := h.Get(lengthHeader); long != "" && a.seen.Header != nil {
		a.seen.Header[lengthHeader] = clip(long, 16)
	}
}

func finalResponse(in *bufio.Reader, method string) (*http.Response, error) {
	for range maxInterim {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
	return nil, errors.New("only interim answers (1xx) came")
}

func keepHeaders(h http.Header) map[string]string {
	kept := map[string]string{}
	for _, name := range keptHeaders {
		if values := h.Values(name); len(values) > 0 {
			kept[name] = clip(strings.Join(values, ", "), 256)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}
