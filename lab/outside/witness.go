package outside

import (
	"errors"
	"net"
	"time"
)

// witness writes every connection down as it arrives, also one over which
// nothing is ever asked.
type witness struct {
	net.Listener
	journal *journal
	kind    string
}

// Accept waits for the next connection, however many fail to be made: without
// free descriptors some are lost, and others free them.
func (w witness) Accept() (net.Conn, error) {
	for {
		conn, err := w.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		e := place(w.kind, conn.LocalAddr(), conn.RemoteAddr())
		e.Request = "connection"
		w.journal.add(e)
		return conn, nil
	}
}
