package probes

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

const (
	// identityHeader is where a mesh's proxies tell a workload who asks it: an
	// element for each proxy that was asked with a certificate, the last by the
	// workload's own (envoyproxy.io, "x-forwarded-client-cert").
	identityHeader = "X-Forwarded-Client-Cert"
	// CallerHeader is where a target says whom the last of them names.
	CallerHeader = "partywall-caller"
)

// identity asks the pod's own target by its Service's name, and so through the pod's
// proxy on both sides, and says meanwhile that somebody of another namespace asks.
// The answer has whom the target was told of.
func (a *attempt) identity(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over
	header := fmt.Sprintf("Connection: close\r\n%s: URI=%s\r\n", identityHeader, spiffeID(ownDomain, a.order.Namespace))
	if a.request(ctx, conn, http.MethodGet, a.hostHeader(portPlain), a.path(), header); a.seen.Phase != PhaseDone {
		return
	}
	if err := a.believed(); err != nil {
		a.seen.Phase, a.seen.Error = PhaseRead, clip(err.Error(), 256)
	}
}

// believed keeps whom the target was told of where that is who was named.
func (a *attempt) believed() error {
	target := a.source.target
	if target == nil || !target.currentKey().Verify(string(DoHTTP), a.order.Port, a.order.Nonce, a.seen.Bytes) {
		return fmt.Errorf("the pod's own target did not answer it (HTTP status %d)", a.seen.Status)
	}
	caller := a.seen.Header[CallerHeader]
	own := strings.Split(a.order.Own, ".")
	switch {
	case strings.Contains(caller, "/ns/"+a.order.Namespace+"/sa/"):
		a.seen.Answers = []string{caller}
	case caller == "": // nobody is believed who is not told of
	case len(own) < 2 || !strings.Contains(caller, "/ns/"+own[1]+"/sa/"):
		return fmt.Errorf("the target was told of %s, who neither asks nor was named", caller)
	}
	return nil
}

// callerOf is whom the last element of the header names, by URI.
func callerOf(h http.Header) string {
	elements := unquoted(strings.Join(h.Values(identityHeader), ","), ',')
	var uris []string
	for _, pair := range unquoted(elements[len(elements)-1], ';') {
		if key, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(key), "URI") {
			uris = append(uris, strings.Trim(value, `"`))
		}
	}
	return strings.Join(uris, " ")
}

// unquoted splits at a separator that is not within quotes.
func unquoted(s string, separator byte) (parts []string) {
	quoted, begun := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++ // whatever follows means itself
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts, begun = append(parts, s[begun:i]), i+1
		}
	}
	return append(parts, s[begun:])
}
