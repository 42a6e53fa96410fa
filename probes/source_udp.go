package probes

import (
	"bytes"
	"context"
	"net"
	"time"
)

// datagramSize is at least that of an answer: targets send no more than they got.
const datagramSize = 256

// datagram is the question, padded.
func datagram(nonce, token string) []byte {
	q := question(nonce, token)
	pad := bytes.Repeat([]byte(" "), max(0, datagramSize-len(q)))
	return append(append(q[:len(q)-1:len(q)-1], pad...), '\n')
}

// udp sends the same datagram up to three times, since one may be lost for no
// reason, and reads one answer.
func (a *attempt) udp(ctx context.Context) {
	conn := a.dial(ctx, "udp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	const sends = 3
	begun := time.Now()
	pause := a.end.Sub(begun) / sends
	buf := make([]byte, maxBytes+1)
	for i := range sends {
		until := a.end
		if i < sends-1 {
			until = begun.Add(time.Duration(i+1) * pause)
		}
		n, err := a.exchange(ctx, conn, until, buf)
		if err == nil {
			a.keep(buf[:n])
			a.seen.Phase = PhaseDone
			return
		}
		if i == sends-1 || !isTimeout(err) || ctx.Err() != nil {
			a.fail(ctx, err)
			return
		}
	}
}

func (a *attempt) exchange(ctx context.Context, conn net.Conn, until time.Time, buf []byte) (int, error) {
	a.seen.Phase = PhaseWrite
	if _, err := conn.Write(datagram(a.order.Nonce, a.order.Token)); err != nil {
		return 0, err
	}
	a.seen.Phase = PhaseRead
	if err := waitUntil(ctx, conn, until); err != nil {
		return 0, err
	}
	return conn.Read(buf)
}
