package probes

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// witness is a TCP listener that records each connection before anything is
// read from it, and holds a bounded number at a time. One too many is recorded
// too, and closed at once: the arrival is the evidence, not the answer.
type witness struct {
	net.Listener
	port  int
	note  func(netip.AddrPort) uint64 // gives the arrival its number
	heard func(uint64)                // that it said something
	slots chan struct{}
}

func newWitness(l net.Listener, conns int, note func(netip.AddrPort) uint64, heard func(uint64)) *witness {
	port := l.Addr().(*net.TCPAddr).Port
	return &witness{Listener: l, port: port, note: note, heard: heard, slots: make(chan struct{}, conns)}
}

func (t *Target) witness(host, proto string, port int) (*witness, error) {
	l, err := listenStream(host, port)
	if err != nil {
		return nil, err
	}
	return t.witnessOn(l, proto), nil
}

func (t *Target) witnessOn(l net.Listener, proto string) *witness {
	t.closers = append(t.closers, l.Close)
	port := l.Addr().(*net.TCPAddr).Port
	return newWitness(l, t.conns, func(from netip.AddrPort) uint64 { return t.ledger.open(proto, port, from, false) }, t.ledger.hear)
}

// listenStream speaks plain TCP: Go's listeners offer Multipath TCP by default,
// which middleboxes may treat in another way than what tenants run.
func listenStream(host string, port int) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", hostPort(host, port))
}

// visit is an accepted connection with the number of its receipt.
type visit struct {
	net.Conn
	seq   uint64
	free  func()
	heard func() // once
}

// Read tells of the first byte.
func (v *visit) Read(b []byte) (int, error) {
	n, err := v.Conn.Read(b)
	if n > 0 {
		v.heard()
	}
	return n, err
}

// Close gives the slot back, once.
func (v *visit) Close() error {
	err := v.Conn.Close()
	if !errors.Is(err, net.ErrClosed) {
		v.free()
	}
	return err
}

// Accept returns the next connection that there is room for.
func (w *witness) Accept() (net.Conn, error) {
	for {
		c, err := w.Listener.Accept()
		if err != nil {
			if !passing(err) {
				return nil, err
			}
			time.Sleep(5 * time.Millisecond) // descriptors come back as deadlines pass
			continue
		}
		seq := w.note(remoteOf(c.RemoteAddr()))
		select {
		case w.slots <- struct{}{}:
			return &visit{Conn: c, seq: seq, free: func() { <-w.slots }, heard: sync.OnceFunc(func() { w.heard(seq) })}, nil
		default:
			c.Close() //nolint:errcheck // it is being turned away
		}
	}
}

func remoteOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort()
	}
	return netip.AddrPort{}
}
