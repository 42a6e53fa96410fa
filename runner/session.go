package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/partywall/partywall/probes"
)

// streamTries is how often an exec stream is opened for one batch before what
// it did not answer counts as unanswered.
const streamTries = 3

// opener starts one exec stream and returns when it has ended.
type opener func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error

// session carries orders to one probe and its replies back. It keeps one exec
// stream open and opens another where it breaks. It serves one caller at a
// time.
type session struct {
	life    context.Context // of its streams: longer than that of one batch
	open    opener
	limiter *rate.Limiter // of attempts, shared by the probes of a node
	stream  *stream
}

// answers are what a batch brought: observations by nonce.
type answers map[string]*probes.Observation

// attempt sends a batch of attempts and waits until each is answered. What a
// broken stream left unanswered is sent again; what stays unanswered is
// missing from the answers, and the error says why.
func (s *session) attempt(ctx context.Context, orders []probes.Order, each time.Duration) (answers, error) {
	got := answers{}
	var last error
	for try := 0; try < streamTries && len(got) < len(orders) && ctx.Err() == nil; try++ {
		pending := make([]probes.Order, 0, len(orders)-len(got))
		for _, o := range orders {
			if got[o.Nonce] == nil {
				pending = append(pending, o)
			}
		}
		last = s.withStream(ctx, batchTimeout(len(pending), each), func(ctx context.Context, st *stream) error {
			return st.batch(ctx, s.limiter, pending, got)
		})
	}
	if len(got) < len(orders) {
		return got, errors.Join(last, ctx.Err())
	}
	return got, nil
}

// batchTimeout bounds one batch: the probe works on many attempts at a time,
// and anything beyond a generous multiple of that is a stream that hangs.
func batchTimeout(n int, each time.Duration) time.Duration {
	const atOnce = 128
	waves := time.Duration(n/atOnce + 1)
	return waves*2*each + 20*time.Second
}

const askTimeout = 20 * time.Second

// key hands a target its key and learns which boot took it.
func (s *session) key(ctx context.Context, key probes.Key) (string, error) {
	var boot string
	err := s.ask(ctx, probes.Order{Do: probes.DoKey, Key: key}, func(r probes.Reply) (bool, error) {
		if r.Keyed == nil {
			return false, nil
		}
		boot = r.Keyed.Boot
		return true, nil
	})
	return boot, err
}

// receipts collects what arrived at a target after a sequence number.
func (s *session) receipts(ctx context.Context, after uint64) (probes.Receipts, error) {
	var all probes.Receipts
	err := s.ask(ctx, probes.Order{Do: probes.DoReceipts, After: after}, func(r probes.Reply) (bool, error) {
		if r.Receipts == nil {
			return false, nil
		}
		b := r.Receipts
		all.Boot, all.Last, all.Lost = b.Boot, b.Last, b.Lost
		all.Receipts = append(all.Receipts, b.Receipts...)
		return !b.More, nil
	}, func() { all = probes.Receipts{} })
	return all, err
}

// ask sends one order and hands replies to done until it has what it wants.
// It tries again on a new stream, after reset, where one breaks.
func (s *session) ask(ctx context.Context, o probes.Order, done func(probes.Reply) (bool, error), reset ...func()) error {
	var last error
	for range streamTries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, f := range reset {
			f()
		}
		last = s.withStream(ctx, askTimeout, func(ctx context.Context, st *stream) error {
			if err := st.send(o); err != nil {
				return err
			}
			return st.receive(ctx, done)
		})
		if last == nil {
			return nil
		}
	}
	return last
}

// withStream runs f on the open stream, opening one where there is none. A
// stream on which anything failed is not used again.
func (s *session) withStream(ctx context.Context, limit time.Duration, f func(context.Context, *stream) error) error {
	if s.stream == nil {
		s.stream = openStream(s.life, s.open)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(limited, s.stream)
	if err != nil {
		s.stream.cancel()
		s.close()
	}
	return err
}

func (s *session) close() {
	if s.stream != nil {
		s.stream.close()
		s.stream = nil
	}
}

// stream is one exec.
type stream struct {
	stdin   *io.PipeWriter
	replies chan probes.Reply
	ended   chan struct{} // closed when the stream is over; then err is set
	err     error
	cancel  context.CancelFunc
}

// openStream starts an exec that ends with the context, if nothing else ends it.
func openStream(ctx context.Context, open opener) *stream {
	ctx, cancel := context.WithCancel(ctx)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	st := &stream{stdin: inW, replies: make(chan probes.Reply, 256), ended: make(chan struct{}), cancel: cancel}
	var stderr boundedBuffer
	go func() {
		err := open(ctx, inR, outW, &stderr)
		outW.CloseWithError(closing(err, stderr.String()))
		inR.CloseWithError(io.ErrClosedPipe)
	}()
	go func() {
		st.err = st.read(ctx, outR)
		outR.CloseWithError(st.err)
		cancel()
		close(st.ended)
	}()
	return st
}

// closing is the reason for which a stream ended. An exec that ends well has
// still ended before it was asked to.
func closing(err error, stderr string) error {
	stderr = strings.TrimSpace(stderr)
	switch {
	case err == nil && stderr == "":
		return errors.New("the exec stream ended before its terminator")
	case err == nil:
		return fmt.Errorf("the exec stream ended before its terminator: %s", stderr)
	case stderr == "":
		return fmt.Errorf("exec: %w", err)
	default:
		return fmt.Errorf("exec: %w: %s", err, stderr)
	}
}

func (st *stream) read(ctx context.Context, from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var r probes.Reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("a reply of the probe cannot be read: %w", err)
		}
		select {
		case st.replies <- r:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the exec stream ended before its terminator")
}

func (st *stream) send(o probes.Order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("writing an order: %w", err)
	}
	if _, err := st.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("sending an order: %w", st.why(err))
	}
	return nil
}

// why prefers the stream's own reason to the pipe's.
func (st *stream) why(err error) error {
	select {
	case <-st.ended:
		return st.err
	default:
		return err
	}
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
			return fmt.Errorf("the exec stream gave no answer in time: %w", ctx.Err())
		case <-st.ended:
			if len(st.replies) == 0 {
				return st.err
			}
		}
	}
}

// batch sends attempts and collects observations until the terminator, whose
// counts must be those of this batch.
func (st *stream) batch(ctx context.Context, limiter *rate.Limiter, orders []probes.Order, got answers) error {
	sent := make(chan error, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { sent <- st.sendAll(ctx, limiter, orders) })
	awaited := make(map[string]bool, len(orders))
	for _, o := range orders {
		awaited[o.Nonce] = true
	}
	var end *probes.End
	err := st.receive(ctx, func(r probes.Reply) (bool, error) {
		if o := r.Observed; o != nil && awaited[o.Nonce] {
			got[o.Nonce] = o
		}
		end = r.End
		return end != nil, nil
	})
	if err != nil {
		st.cancel() // the sender may hang in a write that nobody reads
		return err
	}
	if end.Got != len(orders) || end.Answered != end.Got {
		return fmt.Errorf("the probe got %d of %d attempts and answered %d", end.Got, len(orders), end.Answered)
	}
	return <-sent
}

func (st *stream) sendAll(ctx context.Context, limiter *rate.Limiter, orders []probes.Order) error {
	for _, o := range orders {
		if err := limiter.Wait(ctx); err != nil {
			return err
		}
		if err := st.send(o); err != nil {
			return err
		}
	}
	return st.send(probes.Order{Do: probes.DoFlush})
}

// closeGrace is how long an exec is given to end by itself once its stdin has
// ended.
const closeGrace = 2 * time.Second

func (st *stream) close() {
	_ = st.stdin.Close()
	timer := time.AfterFunc(closeGrace, st.cancel)
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
