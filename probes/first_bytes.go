package probes

import "net"

// firstBytes keeps the start of what passes, for an answer that is not in the
// protocol that was asked for.
type firstBytes struct{ kept []byte }

// Write keeps what there is room for.
func (f *firstBytes) Write(b []byte) (int, error) {
	f.kept = append(f.kept, b[:min(len(b), maxBytes-len(f.kept))]...)
	return len(b), nil
}

// tappedConn keeps the first bytes that are read from it.
type tappedConn struct {
	net.Conn
	first firstBytes
}

func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.first.Write(b[:n]) //nolint:errcheck // it only remembers
	return n, err
}
