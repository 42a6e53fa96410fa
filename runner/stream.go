package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/partywall/partywall/probes"
)

// stream is one exec.
type stream struct {
	stdin   *io.PipeWriter
	replies chan probes.Reply
	ended   chan struct{} // closed when the stream is over; then err is set
	err     error
	cancel  context.CancelCauseFunc
}

// openStream starts an exec that ends with the context, if nothing else ends
// it. An exec that does not notice is left behind.
func openStream(ctx context.Context, open opener) *stream {
	ctx, cancel := context.WithCancelCause(ctx)
	inR, inW := io.Pipe()
	st := &stream{stdin: inW, replies: make(chan probes.Reply, 16), ended: make(chan struct{}), cancel: cancel}
	context.AfterFunc(ctx, func() {
		st.err = context.Cause(ctx)
		close(st.ended) // first: whoever finds stdin closed asks for the reason
		inR.CloseWithError(st.err)
	})
	go func() {
		var stderr boundedBuffer
		err := open(ctx, inR, &replies{ctx: ctx, stream: st}, &stderr)
		cancel(closing(err, &stderr))
	}()
	return st
}

// closing is the reason for which a stream ended. An exec that ends well has
// still ended before it was asked to.
func closing(err error, stderr fmt.Stringer) error {
	words := strings.TrimSpace(stderr.String())
	switch {
	case err == nil && words == "":
		return errEnded
	case err == nil:
		return fmt.Errorf("%w: %s", errEnded, words)
	case words == "":
		return fmt.Errorf("exec: %w", err)
	default:
		return fmt.Errorf("exec: %w: %s", err, words)
	}
}

var (
	errEnded  = errors.New("the exec stream ended before its terminator")
	errStuck  = errors.New("the exec stream made no progress in time")
	errClosed = errors.New("the exec stream was closed")
)

// maxReply bounds one reply, in bytes. What a probe hands over of receipts at a
// time is much less.
const maxReply = 8 << 20

// replies takes what an exec writes apart into lines, as it comes: a goroutine
// to read it would be one more for each of a run's pods. A last line that has no
// end is left out: the stream was cut in it, and the reason for that is worth
// more than what the line looks like.
type replies struct {
	ctx    context.Context
	stream *stream
	begun  []byte // of a line
}

// Write fails where the stream is over, and ends it where a line is no reply.
func (r *replies) Write(p []byte) (int, error) {
	written := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		if len(r.begun)+len(line) > maxReply {
			return 0, r.fail(fmt.Errorf("a reply of the probe is longer than %d bytes", maxReply))
		}
		if !whole {
			r.begun = append(r.begun, line...)
			return written, nil
		}
		if len(r.begun) > 0 {
			line, r.begun = append(r.begun, line...), nil
		}
		if err := r.take(line); err != nil {
			return 0, r.fail(err)
		}
		p = rest
	}
}

func (r *replies) take(line []byte) error {
	var reply probes.Reply
	if err := json.Unmarshal(line, &reply); err != nil {
		return fmt.Errorf("a reply of the probe cannot be read: %w", err)
	}
	select {
	case r.stream.replies <- reply:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

func (r *replies) fail(err error) error {
	r.stream.cancel(err)
	return err
}

// send hands orders to the exec. Where that fails the stream is over, or about
// to be.
func (st *stream) send(orders ...probes.Order) error {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false) // a program reads it
	for _, o := range orders {
		if err := enc.Encode(o); err != nil {
			return fmt.Errorf("writing an order: %w", err)
		}
	}
	if _, err := st.stdin.Write(lines.Bytes()); err != nil {
		<-st.ended
		return fmt.Errorf("sending an order: %w", st.err)
	}
	return nil
}

// receive hands replies on until done has enough. A fault is the probe's word
// that it did not follow an order.
func (st *stream) receive(ctx context.Context, done func(probes.Reply) (bool, error)) error {
	for {
		select {
		case r := <-st.replies:
			if r.Fault != "" {
				return fmt.Errorf("the probe: %s", r.Fault)
			}
			if enough, err := done(r); enough || err != nil {
				return err
			}
		case <-ctx.Done():
			return late(ctx)
		case <-st.ended:
			if len(st.replies) == 0 {
				return st.err
			}
		}
	}
}

// batch sends attempts and collects observations until the terminator, whose
// counts must be those of this batch.
func (st *stream) batch(ctx context.Context, limiter *rate.Limiter, orders []probes.Order, each time.Duration, got answers) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watchdog := time.AfterFunc(takeTimeout(each), func() { st.cancel(errStuck) })
	defer watchdog.Stop()
	sent := make(chan error, 1)
	go func() {
		err := st.sendAll(ctx, limiter, orders, each, watchdog)
		if err != nil {
			st.cancel(err)
		}
		sent <- err
	}()
	err := st.collect(ctx, orders, got)
	if err != nil {
		cancel()
		st.cancel(err) // the sender may hang in a write that nobody reads
	}
	if sendErr := <-sent; err == nil {
		return sendErr
	}
	return err
}

// together is how many orders are sent at a time: as many as a message of an
// exec's has room for, about.
const together = 32

// sendAll sends a batch and asks for its terminator. The watchdog does not run
// while it waits for its turn, which says nothing about the stream.
func (st *stream) sendAll(ctx context.Context, limiter *rate.Limiter, orders []probes.Order, each time.Duration, watchdog *time.Timer) error {
	for some := range slices.Chunk(orders, min(together, limiter.Burst())) {
		watchdog.Stop()
		if err := limiter.WaitN(ctx, len(some)); err != nil {
			return err
		}
		watchdog.Reset(takeTimeout(each))
		if err := st.send(some...); err != nil {
			return err
		}
	}
	watchdog.Reset(takeTimeout(each))
	if err := st.send(probes.Order{Do: probes.DoFlush}); err != nil {
		return err
	}
	watchdog.Reset(batchTimeout(len(orders), each))
	return nil
}

// collect takes the observations of a batch, and nothing but those: an answer
// to another order, or to another order's nonce, is none.
func (st *stream) collect(ctx context.Context, orders []probes.Order, got answers) error {
	awaited := make(map[string]*probes.Order, len(orders))
	for i := range orders {
		awaited[orders[i].Nonce] = &orders[i]
	}
	var end *probes.End
	err := st.receive(ctx, func(r probes.Reply) (bool, error) {
		if o := r.Observed; o != nil && answersTo(awaited[o.Nonce], o) {
			o.ID, o.Nonce, o.Do = awaited[o.Nonce].ID, awaited[o.Nonce].Nonce, awaited[o.Nonce].Do // the same, held once
			got[o.Nonce] = o
		}
		end = r.End
		return end != nil, nil
	})
	if err != nil {
		return err
	}
	if end.Got != len(orders) || end.Answered != end.Got {
		return fmt.Errorf("the probe got %d of %d attempts and answered %d", end.Got, len(orders), end.Answered)
	}
	for nonce, o := range awaited {
		if got[nonce] == nil {
			return fmt.Errorf("the probe says that it answered %d attempts, but its answer to %s did not come", end.Answered, o.ID)
		}
	}
	return nil
}

func answersTo(o *probes.Order, seen *probes.Observation) bool {
	return o != nil && o.Nonce == seen.Nonce && o.ID == seen.ID && o.Round == seen.Round && o.Do == seen.Do
}

// closeGrace is how long an exec is given to end by itself once its stdin has
// ended.
const closeGrace = 2 * time.Second

func (st *stream) close() {
	_ = st.stdin.Close()
	timer := time.AfterFunc(closeGrace, func() { st.cancel(errClosed) })
	defer timer.Stop()
	for {
		select {
		case <-st.replies: // nobody wants them any more
		case <-st.ended:
			return
		}
	}
}

// boundedBuffer keeps the first bytes of what an exec says on stderr.
type boundedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := 4096 - b.b.Len(); room > 0 {
		b.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (b *boundedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
