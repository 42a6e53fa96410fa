package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	failed  error // why the latest request did not work; nil where it did
}

// answers are what a batch brought: observations by nonce.
type answers map[string]*probes.Observation

// attempt sends a batch of attempts and waits until each is answered. What a
// broken stream left unanswered is sent again; what stays unanswered is
// missing from the answers, and the error says why.
func (s *session) attempt(ctx context.Context, orders []probes.Order, each time.Duration) (answers, error) {
	got := answers{}
	err := s.retry(ctx, func() error {
		pending := make([]probes.Order, 0, len(orders)-len(got))
		for _, o := range orders {
			if got[o.Nonce] == nil {
				pending = append(pending, o)
			}
		}
		if len(pending) == 0 {
			return nil
		}
		return s.withStream(ctx, func(ctx context.Context, st *stream) error {
			return st.batch(ctx, s.limiter, pending, each, got)
		})
	})
	if len(got) == len(orders) {
		return got, nil
	}
	return got, err
}

// retry tries until something works, with a breath in between: what broke one
// stream often breaks the next one too. A probe that left a request lying is
// asked for a sign of life before it gets another, which it may leave lying as
// long: whatever a run still wants of one that is silent costs it little.
func (s *session) retry(ctx context.Context, do func() error) error {
	last := ctx.Err()
	for try := range streamTries {
		if !pause(ctx, time.Duration(try)*time.Second) {
			break
		}
		if s.failed != nil {
			if err := s.sign(ctx); errors.Is(err, context.DeadlineExceeded) {
				return s.failed
			} else if err != nil {
				last = err
				continue
			}
		}
		if last = do(); last == nil {
			s.failed = nil
			return nil
		}
		s.failed = last
	}
	return last
}

// signTimeout leaves a node that is short of time enough of it to start an exec.
const signTimeout = 10 * time.Second

// sign asks for the terminator of an empty batch, and for nothing else.
func (s *session) sign(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, signTimeout)
	defer cancel()
	return s.withStream(ctx, func(ctx context.Context, st *stream) error {
		if err := st.send(probes.Order{Do: probes.DoFlush}); err != nil {
			return err
		}
		return st.receive(ctx, func(r probes.Reply) (bool, error) { return r.End != nil, nil })
	})
}

// takeTimeout bounds how long a probe may leave an order lying: it takes one
// as soon as it has room, which an attempt's end makes.
func takeTimeout(each time.Duration) time.Duration { return 2*each + 20*time.Second }

// answeredAtATime is how many attempts a probe is taken to make at a time. Of those
// that nobody answers it makes more.
const answeredAtATime = 256

// batchTimeout bounds the time from a batch's last order to its terminator:
// the probe works on many attempts at a time, and anything beyond a generous
// multiple of that is a stream that hangs.
func batchTimeout(n int, each time.Duration) time.Duration {
	waves := time.Duration(n/answeredAtATime + 1)
	return waves*2*each + 20*time.Second
}

const askTimeout = 20 * time.Second

// key hands a target its key and learns which boot took it, and what that one
// does not listen for.
func (s *session) key(ctx context.Context, key probes.Key) (probes.Keyed, error) {
	var keyed probes.Keyed
	err := s.ask(ctx, probes.Order{Do: probes.DoKey, Key: key}, func(r probes.Reply) (bool, error) {
		if r.Keyed == nil {
			return false, nil
		}
		keyed = *r.Keyed
		return true, nil
	})
	return keyed, err
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
	return s.retry(ctx, func() error {
		for _, f := range reset {
			f()
		}
		limited, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return s.withStream(limited, func(ctx context.Context, st *stream) error {
			if err := st.send(o); err != nil {
				return err
			}
			return st.receive(ctx, done)
		})
	})
}

// withStream runs f on the open stream, opening one where there is none. A
// stream on which anything failed is not used again, nor one that ended with
// the context: a write that nobody reads knows no context, and is woken by its
// stream's end.
func (s *session) withStream(ctx context.Context, f func(context.Context, *stream) error) error {
	if s.stream == nil {
		s.stream = openStream(s.life, s.open)
	}
	st := s.stream
	stop := context.AfterFunc(ctx, func() { st.cancel(late(ctx)) })
	err := f(ctx, st)
	if !stop() || err != nil {
		st.cancel(err)
		s.close()
	}
	return err
}

func late(ctx context.Context) error {
	return fmt.Errorf("the exec stream gave no answer in time: %w", ctx.Err())
}

func (s *session) close() {
	if s.stream != nil {
		s.stream.close()
		s.stream = nil
	}
}
