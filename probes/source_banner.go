package probes

import (
	"bufio"
	"context"
	"errors"
)

// banner lets the other side speak first, and asks then. Walls that look at
// what the source says let a connection through until it says something; by
// then the target may have told who it is.
func (a *attempt) banner(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.seen.Phase = PhaseBanner
	in := bufio.NewReaderSize(conn, maxBytes)
	line, err := in.ReadSlice('\n')
	a.seen.Banner = append([]byte(nil), line...)
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		a.fail(ctx, err)
		return
	}
	a.ask(ctx, conn, in)
}
