package network

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/partywall/partywall/lab/state"
)

// ForwardAPI carries connections from a loopback listener of the machine to the
// API server in the lab's outer namespace, until the context is done.
func ForwardAPI(ctx context.Context, lab state.Lab, listener net.Listener) {
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors: closing connections free some.
			time.Sleep(50 * time.Millisecond)
			continue
		}
		go forward(ctx, lab, conn)
	}
}

func forward(ctx context.Context, lab state.Lab, client net.Conn) {
	defer client.Close()
	dialing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	server, err := Dial(dialing, lab.Netns(), "tcp4", net.JoinHostPort(Gateway, "6443"))
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _ = server.Close(); _ = client.Close() })
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pour(server, client)
	}()
	pour(client, server)
	<-done
}

// pour copies until the end of one direction and hands that end on.
func pour(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
}
