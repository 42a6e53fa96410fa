package outside

import (
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// echoLife and echoBytes bound what one connection may ask of the host.
	echoLife  = 30 * time.Second
	echoBytes = 1 << 20
)

// echoStreams greets each caller first, as many protocols do, and then returns
// what it is sent.
func echoStreams(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(echoLife))
			fmt.Fprintln(conn, greeting(conn.LocalAddr().String(), conn.RemoteAddr().String()))
			// The caller may go away at any time.
			_, _ = io.Copy(conn, io.LimitReader(conn, echoBytes))
		}()
	}
}

// echoDatagrams returns each datagram behind a greeting.
func echoDatagrams(j *journal, packets net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		e := place(kindEcho, packets.LocalAddr(), from)
		e.Request = fmt.Sprintf("datagram of %d bytes", n)
		j.add(e)
		answer := greeting(packets.LocalAddr().String(), from.String()) + ": " + string(buffer[:n])
		// An answer that cannot be sent is one the asker does not get.
		_, _ = packets.WriteTo([]byte(answer), from)
	}
}
