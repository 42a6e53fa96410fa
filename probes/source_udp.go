package probes

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"
)

// datagramSize is at least that of an answer: targets send no more than they got.
const datagramSize = 256

// maxDatagram is more than any answer that is asked for: a DNS server sends at
// most 512 bytes to who offers no more.
const maxDatagram = 4096

// datagram is the question, padded.
func datagram(nonce, token string) []byte {
	q := question(nonce, token)
	pad := bytes.Repeat([]byte(" "), max(0, datagramSize-len(q)))
	return append(append(q[:len(q)-1:len(q)-1], pad...), '\n')
}

// udp sends the question and reads one answer.
func (a *attempt) udp(ctx context.Context) {
	conn := a.dial(ctx, "udp")
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the attempt is over

	a.exchange(ctx, conn, datagram(a.order.Nonce, a.order.Token), func() error {
		buf := make([]byte, maxBytes+1)
		n, err := conn.Read(buf)
		if err == nil {
			a.keep(buf[:n])
		}
		return err
	})
}

// exchange sends the same packet up to three times, since one may be lost for
// no reason, until receive has got its answer.
func (a *attempt) exchange(ctx context.Context, conn net.Conn, packet []byte, receive func() error) {
	const sends = 3
	begun := time.Now()
	pause := a.end.Sub(begun) / sends
	for i := range sends {
		until := a.end
		if i < sends-1 {
			until = begun.Add(time.Duration(i+1) * pause)
		}
		err := a.send(ctx, conn, packet, until)
		if err == nil {
			err = receive()
		}
		if err == nil {
			a.seen.Phase = PhaseDone
			return
		}
		if i == sends-1 || !isTimeout(err) || ctx.Err() != nil {
			a.fail(ctx, err)
			return
		}
	}
}

// errOtherAnswer is for a message that does not answer the question: late,
// forged, or broken.
var errOtherAnswer = errors.New("what came is not the answer to this question")

// exchangeFor waits on behind what accept refuses. Where nothing but that came,
// somebody answered, so nothing was dropped.
func (a *attempt) exchangeFor(ctx context.Context, conn net.Conn, packet []byte, accept func([]byte) error) {
	others := 0
	buf := make([]byte, maxDatagram)
	a.exchange(ctx, conn, packet, func() error {
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return err
			}
			if accept(buf[:n]) == nil {
				return nil
			}
			others++
		}
	})
	if a.seen.Timeout && others > 0 {
		a.seen.Timeout, a.seen.Error = false, errOtherAnswer.Error()
	}
}

func (a *attempt) send(ctx context.Context, conn net.Conn, packet []byte, until time.Time) error {
	a.seen.Phase = PhaseWrite
	if _, err := conn.Write(packet); err != nil {
		return err
	}
	a.seen.Phase = PhaseRead
	return waitUntil(ctx, conn, until)
}
