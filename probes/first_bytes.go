package probes

import (
	"cmp"
	"errors"
	"net"
	"sync"
)

// firstBytes keeps the start of what passes, for an answer that is not in the
// protocol that was asked for.
type firstBytes struct{ kept []byte }

// Write keeps what there is room for.
func (f *firstBytes) Write(b []byte) (int, error) {
	f.kept = append(f.kept, b[:min(len(b), maxBytes-len(f.kept))]...)
	return len(b), nil
}

// tappedConn keeps the first bytes that are read from it, by whomever, and why
// there were no more.
type tappedConn struct {
	net.Conn
	writing  sync.Mutex
	writeEnd error
	reading  sync.Mutex
	readEnd  error
	first    firstBytes
}

func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.reading.Lock()
	defer c.reading.Unlock()
	c.first.Write(b[:n]) //nolint:errcheck // it only remembers
	remember(&c.readEnd, err)
	return n, err
}

func (c *tappedConn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	n, err := c.Conn.Write(b)
	remember(&c.writeEnd, err)
	return n, err
}

// remember keeps the first error that is not the source's own closing.
func remember(end *error, err error) {
	if *end == nil && !errors.Is(err, net.ErrClosed) {
		*end = err
	}
}

// seen is what was kept so far. A reset is told only once: where a write was
// told, the read behind it sees a mere end.
func (c *tappedConn) seen() (first []byte, end error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.reading.Lock()
	defer c.reading.Unlock()
	return c.first.kept, cmp.Or(c.writeEnd, c.readEnd)
}
