package probes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
)

// PortDNS is where DNS servers listen.
const PortDNS = 53

// OverHTTPS is a question by DNS over HTTPS, whose server's port is 443 where
// none is given.
const OverHTTPS = "https"

// checkLookup refuses what is no question.
func checkLookup(o Order) error {
	if _, ok := lookupTypes[o.Type]; !ok {
		return fmt.Errorf("type %q is none of A, AAAA, SRV, PTR and TXT", o.Type)
	}
	switch o.Over {
	case "", "udp", "tcp":
	case OverHTTPS:
		if o.Server == "" {
			return errors.New("a question over https names no server: that of resolv.conf speaks DNS alone")
		}
	default:
		return fmt.Errorf("over %q is neither udp, tcp nor https", o.Over)
	}
	if o.Server == "" {
		return nil
	}
	_, err := serverAddress(o.Server, o.port())
	return err
}

// port is the one that goes without saying.
func (o Order) port() uint16 {
	if o.Over == OverHTTPS {
		return PortDoH
	}
	return PortDNS
}

func serverAddress(server string, port uint16) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(server); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), port), nil
	}
	remote, err := netip.ParseAddrPort(server)
	if err != nil || remote.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("server %q is neither an address nor address:port", server)
	}
	return netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()), nil
}

// server is the one to ask.
func (s *Source) server(order Order) (netip.AddrPort, error) {
	switch {
	case order.Server != "":
		return serverAddress(order.Server, order.port())
	case s.nameserver != "":
		return serverAddress(s.nameserver, PortDNS)
	}
	all := s.resolvers().nameservers
	if len(all) == 0 {
		return netip.AddrPort{}, errors.New("this pod's resolv.conf names no nameserver")
	}
	return serverAddress(all[0], PortDNS)
}

// lookup asks a DNS server one question, of the very name: what a search list
// would add is not what was ordered. An answer that did not fit into a datagram
// is asked for again over TCP.
func (a *attempt) lookup(ctx context.Context) {
	server, err := a.source.server(a.order)
	if err != nil {
		a.seen.Error = err.Error()
		return
	}
	name, err := a.lookupName()
	if err != nil {
		a.seen.Error = err.Error()
		return
	}
	l, err := newLookup(name, a.order.Type)
	if err != nil {
		a.seen.Error = err.Error()
		return
	}
	query, err := l.query()
	if err != nil {
		a.seen.Error = err.Error()
		return
	}
	if a.order.Over == OverHTTPS {
		a.lookupHTTPS(ctx, server, l, query)
		return
	}
	if a.order.Over != "tcp" {
		a.lookupUDP(ctx, server, l, query)
	}
	if a.order.Over == "tcp" || a.seen.Truncated {
		a.lookupTCP(ctx, server, l, query)
	}
}

// lookupName is the whole name to ask for.
func (a *attempt) lookupName() (string, error) {
	search := a.source.resolvers().search
	name := absolute(a.order.Host, search)
	if !a.order.Search {
		return name, nil
	}
	if len(search) == 0 {
		return "", errors.New("this pod's resolv.conf has no search list")
	}
	return strings.TrimSuffix(name, ".") + "." + strings.TrimSuffix(search[0], ".") + ".", nil
}

func (a *attempt) found(f finding) {
	a.seen.RCode, a.seen.Answers, a.seen.Truncated = f.rcode, f.data, f.truncated
}

// lookupUDP does not end at messages that answer something else: they may be
// late or forged.
func (a *attempt) lookupUDP(ctx context.Context, server netip.AddrPort, l lookup, query []byte) {
	conn := a.dialTo(ctx, "udp", server)
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.exchangeFor(ctx, conn, query, func(msg []byte) error {
		f, err := l.read(msg)
		if err == nil {
			a.found(f)
		}
		return err
	})
}

func (a *attempt) lookupTCP(ctx context.Context, server netip.AddrPort, l lookup, query []byte) {
	conn := a.dialTo(ctx, "tcp", server)
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.seen.Phase = PhaseWrite
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	if _, err := conn.Write(framed); err != nil {
		a.fail(ctx, err)
		return
	}
	a.seen.Phase = PhaseRead
	msg, err := readFramed(conn)
	var f finding
	if err == nil {
		f, err = l.read(msg)
	}
	if err != nil {
		a.fail(ctx, err)
		return
	}
	f.truncated = false // there is nothing longer than TCP
	a.found(f)
	a.seen.Phase = PhaseDone
}

// errCutAnswer is no denial: somebody began to answer.
var errCutAnswer = errors.New("the answer ended before it was whole")

// readFramed reads one message behind its length.
func readFramed(conn net.Conn) ([]byte, error) {
	var length [2]byte
	n, err := io.ReadFull(conn, length[:])
	if n == 0 {
		return nil, err
	}
	if err != nil {
		return nil, errCutAnswer
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, msg); err != nil {
		return nil, errCutAnswer
	}
	return msg, nil
}
