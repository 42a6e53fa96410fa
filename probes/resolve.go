package probes

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
)

// The classes of a resolution that failed.
const (
	DNSNXDomain = "nxdomain"
	DNSNoData   = "nodata"
	DNSServFail = "servfail"
	DNSTimeout  = "timeout" // no server answered
	// DNSUnreachable is a question that never left, or that the network turned
	// away: no server answered either.
	DNSUnreachable = "unreachable"
	DNSError       = "error"
)

// address finds the address to try: IPv4 where there is one, so that the choice
// does not change between an attempt and its control. IPv6 is asked for only
// where the server said that there is none: asked for both at once, Go's
// resolver may tell that one is missing where the answer for the other was lost.
func (a *attempt) address(ctx context.Context) (netip.Addr, error) {
	host := a.order.Host
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap(), nil
	}
	if addr, ok := spelledAddress(host); ok {
		return addr, nil
	}
	ask := func() (netip.Addr, error) { return a.source.ask(ctx, host) }
	if !a.order.Do.onTarget() {
		return ask() // a name that is not of our making may have many addresses, each of which is tried by chance
	}
	return a.names.resolve(ctx, host, ask)
}

// ask asks the pod's resolver for a name's address. It makes one of Go's each
// time, since that answers equal questions asked at the same time only once,
// and whoever shares an answer shares its failure too.
func (s *Source) ask(ctx context.Context, host string) (netip.Addr, error) {
	var codes responseCodes
	r := net.Resolver{PreferGo: true, Dial: codes.dialer(s.nameserver)}
	name := absolute(host, s.resolvers().search)
	addrs, err := r.LookupNetIP(ctx, "ip4", name)
	if missing := (*net.DNSError)(nil); errors.As(err, &missing) && missing.IsNotFound {
		addrs, err = r.LookupNetIP(ctx, "ip6", name)
	}
	if err != nil {
		return netip.Addr{}, &resolveError{err: err, noError: codes.noError.Load(), answered: codes.answered.Load(), turnedAway: codes.turnedAway.Load()}
	}
	return addrs[0].Unmap(), nil
}

// absolute completes the name of a Service or a pod, which ends in .svc or .pod,
// by the cluster's domain, which the search path of a pod tells. So it is one
// question, and a name that is not there is said not to be, where a search
// would go on to a server that knows nothing of such names. A name of another
// kind, or one in a pod without that path, is left to the search.
func absolute(host string, search []string) string {
	if !strings.HasSuffix(host, ".svc") && !strings.HasSuffix(host, ".pod") {
		return host
	}
	for _, domain := range search {
		if cluster, ok := strings.CutPrefix(domain, "svc."); ok {
			return host + "." + strings.TrimSuffix(cluster, ".") + "."
		}
	}
	return host
}

// resolveError adds what Go's resolver leaves out: whether the name exists.
type resolveError struct {
	err     error
	noError bool // a server answered NOERROR, with no address in it

	answered   bool // a server said something
	turnedAway bool // a question met an error of the network's
}

func (e *resolveError) Error() string { return e.err.Error() }
func (e *resolveError) Unwrap() error { return e.err }

func dnsClass(err error) string {
	var re *resolveError
	var de *net.DNSError
	errors.As(err, &re)
	if !errors.As(err, &de) {
		return DNSError
	}
	switch {
	case de.IsTimeout:
		return DNSTimeout
	case re != nil && re.turnedAway && !re.answered:
		return DNSUnreachable
	case de.IsNotFound && re != nil && re.noError:
		return DNSNoData
	case de.IsNotFound:
		return DNSNXDomain
	case de.IsTemporary:
		return DNSServFail
	}
	return DNSError
}

// responseCodes watches the answers of DNS servers go by. Go reports a missing
// name and a name without addresses by the same error, and a server that fails
// by that of one that cannot be reached.
type responseCodes struct{ noError, answered, turnedAway atomic.Bool }

func (c *responseCodes) dialer(nameserver string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, server string) (net.Conn, error) {
		if nameserver != "" {
			server = nameserver
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, server)
		c.failed(err)
		if u, ok := conn.(*net.UDPConn); ok {
			return &watchedConn{UDPConn: u, codes: c}, err
		}
		return conn, err // a long answer, over TCP, has addresses in it
	}
}

// watchedConn stays a packet connection, as the resolver needs it to be.
type watchedConn struct {
	*net.UDPConn
	codes *responseCodes
}

// Read notes the response code, the low half of the fourth byte.
func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.UDPConn.Read(b)
	c.codes.failed(err)
	if n > 0 {
		c.codes.answered.Store(true)
	}
	if n >= 12 && b[3]&0x0f == 0 {
		c.codes.noError.Store(true)
	}
	return n, err
}

// failed notes an error by which the network, and no server, ended a question.
func (c *responseCodes) failed(err error) {
	if _, ok := failures[errnoName(err)]; ok {
		c.turnedAway.Store(true)
	}
}
