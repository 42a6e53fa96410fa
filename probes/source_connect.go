package probes

import (
	"context"
	"errors"
	"net"
	"time"
)

// linger is how long a made connection is watched: a proxy that accepts in the
// name of a service it may not reach closes within it.
const linger = time.Second

// connect tries a service that is not ours and says nothing to it. It is done
// when the connection stood for a while or brought a byte, which is kept.
func (a *attempt) connect(ctx context.Context) {
	var first [1]byte
	n := a.watch(ctx, first[:])
	a.keep(first[:n])
}

// maxFirst is how much of what a real service says is looked at.
const maxFirst = 16

// first is connect for services whose words must not travel: it counts the
// bytes of one read, and forgets them.
func (a *attempt) first(ctx context.Context) {
	var unkept [maxFirst]byte
	a.seen.First = a.watch(ctx, unkept[:])
}

// watch connects, and reads once until something comes or the time is over. A
// connection that the other side ended before it said anything may have been a
// proxy's, and is none.
func (a *attempt) watch(ctx context.Context, buf []byte) int {
	conn := a.dial(ctx, "tcp")
	if conn == nil {
		return 0
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.seen.Phase = PhaseRead
	n, err := a.readOnce(ctx, conn, buf)
	if err != nil && (errors.Is(ctx.Err(), context.Canceled) || !isTimeout(err)) {
		a.fail(ctx, err)
		return n
	}
	a.seen.Phase = PhaseDone
	return n
}

func (a *attempt) readOnce(ctx context.Context, conn net.Conn, buf []byte) (int, error) {
	until := time.Now().Add(linger)
	if until.After(a.end) {
		until = a.end
	}
	if err := waitUntil(ctx, conn, until); err != nil {
		return 0, err
	}
	return conn.Read(buf)
}
