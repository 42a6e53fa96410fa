package probes

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// dialBound connects from a port that it knows beforehand, and returns the
// local address also where connecting fails.
func dialBound(ctx context.Context, network string, remote netip.AddrPort) (net.Conn, string, error) {
	port := 0
	d := net.Dialer{
		KeepAlive: -1, // no packets but the attempt's own
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			port, err = bindAny(raw, remote.Addr().Is6())
			return err
		},
	}
	conn, err := d.DialContext(ctx, network+family(remote.Addr()), remote.String())
	if err == nil {
		return conn, conn.LocalAddr().String(), nil
	}
	if port == 0 {
		return nil, "", err
	}
	return nil, net.JoinHostPort(routeFrom(remote), strconv.Itoa(port)), err
}

func family(a netip.Addr) string {
	if a.Is6() {
		return "6"
	}
	return "4"
}

// routeFrom is the address that packets to remote leave from. Connecting a UDP
// socket looks the route up and sends nothing.
func routeFrom(remote netip.AddrPort) string {
	conn, err := net.Dial("udp"+family(remote.Addr()), remote.String())
	if err != nil {
		return "" // no route: the port alone is known
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}
