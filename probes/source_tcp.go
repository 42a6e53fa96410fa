package probes

import (
	"bytes"
	"context"
	"io"
	"net"
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
	if a.question(ctx, conn) {
		a.answer(ctx, in)
	}
}

// question says whether it could be put.
func (a *attempt) question(ctx context.Context, conn net.Conn) bool {
	a.seen.Phase = PhaseWrite
	_, err := conn.Write(question(a.order.Nonce, a.order.Token))
	if err != nil {
		a.fail(ctx, err)
	}
	return err == nil
}

func (a *attempt) answer(ctx context.Context, in io.Reader) {
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
