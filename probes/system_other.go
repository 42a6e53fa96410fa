//go:build !linux

package probes

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// Probe pods run Linux. Elsewhere this package is there for those who read what
// they say, the command line on a laptop, and tries nothing itself.

func errnoName(error) string { return "" }

func passing(error) bool { return false }

var errNotHere = errors.New("attempts are made by probe pods, on Linux")

func bindAny(syscall.RawConn, bool) (int, error) { return 0, errNotHere }

func echoSocket(bool) (int, error) { return 0, errNotHere }

func connectEcho(int, netip.Addr) (net.Conn, error) { return nil, errNotHere }

func sctpSocket(bool) (int, error) { return 0, errNotHere }

func dialSocket(context.Context, int, netip.AddrPort) (net.Conn, string, error) {
	return nil, "", errNotHere
}

func listenSocket(int, netip.AddrPort) (net.Listener, error) { return nil, errNotHere }

func socketDrops(*net.UDPConn) uint64 { return 0 }
