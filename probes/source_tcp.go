package probes

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// tcp sends the question and reads one line. That a connection was made proves
// nothing: a sidecar accepts them all.
func (a *attempt) tcp(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.ask(ctx, conn, conn)
}

// ask sends the question and reads the answer from in, which may have been read
// from before.
func (a *attempt) ask(ctx context.Context, conn net.Conn, in io.Reader) {
	a.seen.Phase = PhaseWrite
	if _, err := conn.Write(question(a.order.Nonce, a.order.Token)); err != nil {
		a.fail(ctx, err)
		return
	}
	a.seen.Phase = PhaseRead
	line, err := readLine(in)
	a.keep(line)
	if err != nil {
		a.fail(ctx, err)
		return
	}
	a.seen.Phase = PhaseDone
}

// readLine reads to the end of a line, or as much as is kept.
func readLine(in io.Reader) ([]byte, error) {
	buf := make([]byte, maxBytes)
	for n := 0; ; {
		m, err := in.Read(buf[n:])
		n += m
		if n == len(buf) || bytes.IndexByte(buf[:n], '\n') >= 0 {
			return buf[:n], nil
		}
		if err != nil {
			return buf[:n], err
		}
	}
}

// linger is how long a made connection is watched: a proxy that accepts in the
// name of a service it may not reach closes within it.
const linger = time.Second

// connect tries a service that is not ours and says nothing to it. It is done
// when the connection stood for a while or brought a byte.
func (a *attempt) connect(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.seen.Phase = PhaseRead
	watch := time.Now().Add(linger)
	if watch.After(a.end) {
		watch = a.end
	}
	if err := waitUntil(ctx, conn, watch); err != nil {
		a.fail(ctx, err)
		return
	}
	var first [1]byte
	n, err := io.ReadFull(conn, first[:])
	a.keep(first[:n])
	if err != nil && (errors.Is(ctx.Err(), context.Canceled) || !isTimeout(err)) {
		a.fail(ctx, err)
		return
	}
	a.seen.Phase = PhaseDone
}
