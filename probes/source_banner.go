package probes

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"
)

// banner lets the other side speak first, and asks then. Walls that look at
// what the source says let a connection through until it says something; by
// then the target may have told who it is. Where nothing is heard for half of the
// time it asks all the same: a mesh's proxy that takes both plain and encrypted
// connections keeps one to itself until it can tell which it is.
func (a *attempt) banner(ctx context.Context) {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	in := bufio.NewReaderSize(conn, maxBytes)
	asked, err := false, waitUntil(ctx, conn, time.Now().Add(time.Until(a.end)/2))
	if err == nil {
		err = a.listen(in)
	}
	if isTimeout(err) && ctx.Err() == nil {
		if asked = a.askSilent(ctx, conn); !asked {
			return
		}
		err = a.listen(in)
	}
	switch {
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		a.fail(ctx, err)
	case asked:
		a.answer(ctx, in)
	default:
		if err := waitUntil(ctx, conn, a.end); err != nil {
			a.fail(ctx, err)
			return
		}
		a.ask(ctx, conn, in)
	}
}

// listen adds to the banner up to the end of its line.
func (a *attempt) listen(in *bufio.Reader) error {
	a.seen.Phase = PhaseBanner
	line, err := in.ReadSlice('\n')
	a.seen.Banner = append(a.seen.Banner, line...)
	return err
}

// askSilent asks who has not said anything, for the rest of the time, and says
// whether that could be done.
func (a *attempt) askSilent(ctx context.Context, conn net.Conn) bool {
	if !a.question(ctx, conn) {
		return false
	}
	err := waitUntil(ctx, conn, a.end)
	if err != nil {
		a.fail(ctx, err)
	}
	return err == nil
}
