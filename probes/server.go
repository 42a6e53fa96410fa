package probes

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Server follows orders. One serves every stream into a pod, so that the bound
// on what is in flight holds for the pod.
type Server struct {
	source *Source
	target *Target
	room   *room
}

// NewServer makes a server for one probe. The target is nil in a source-only
// pod; inFlight of zero means [DefaultInFlight].
func NewServer(target *Target, inFlight int) *Server {
	return &Server{source: NewSource(target), target: target, room: newRoom(inFlight)}
}

// Serve reads orders from rw and writes replies to it until the orders end, the
// replies find no reader, or ctx ends; whatever is in flight then is cancelled,
// and still answered. It takes no order before there is room for it, nor behind
// a flush that is not answered yet, so that a fast runner is held back instead
// of buffered. A stream that ends at a line's end is no error.
func (s *Server) Serve(ctx context.Context, rw io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c, ok := rw.(interface{ SetReadDeadline(time.Time) error }); ok {
		stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed: it does not read
		defer stop()
	}
	sess := &session{server: s, replies: &replyWriter{out: rw, lost: cancel}, names: &names{}, cancel: cancel}
	err := sess.follow(ctx, newOrderReader(rw))
	cancel()
	sess.running.Wait()
	sess.replies.due()
	return err
}

// session is one stream of orders.
type session struct {
	server   *Server
	replies  *replyWriter
	cancel   context.CancelFunc
	running  sync.WaitGroup
	names    *names // of the present batch
	got      int
	answered atomic.Int64
}

func (s *session) follow(ctx context.Context, orders *orderReader) error {
	for ctx.Err() == nil {
		line, err := orders.next()
		switch {
		case errors.Is(err, errLongLine):
			err = s.fault(err)
		case errors.Is(err, errCutLine):
			return errors.Join(err, s.fault(err))
		case errors.Is(err, io.EOF):
			return nil
		case err == nil:
			err = s.order(ctx, line)
		}
		if err != nil {
			return s.ended(ctx, err)
		}
	}
	return s.ended(ctx, ctx.Err())
}

// ended prefers the reason of the reply that found no reader, and of ctx, to the
// read error that followed from it.
func (s *session) ended(ctx context.Context, err error) error {
	if werr := s.replies.failure(); werr != nil {
		return werr
	}
	if cerr := ctx.Err(); cerr != nil {
		return cerr
	}
	return err
}

func (s *session) order(ctx context.Context, line []byte) error {
	o, err := parseOrder(line)
	if err != nil {
		return s.fault(err)
	}
	switch o.Do {
	case DoKey:
		return s.key(o)
	case DoReceipts:
		return s.receipts(o)
	case DoFlush:
		return s.flush()
	}
	return s.attempt(ctx, o)
}

// attempt starts one attempt as soon as there is room.
func (s *session) attempt(ctx context.Context, o Order) error {
	if err := s.server.room.enter(ctx, s.replies.writing.Load); err != nil {
		return err
	}
	s.got++
	names := s.names
	s.running.Go(func() {
		defer s.server.room.leave()
		seen := s.server.source.attempt(ctx, o, names)
		if s.replies.gather(Reply{Observed: &seen}) != nil {
			s.cancel() // nobody reads any more: stop bothering the network
			return
		}
		s.answered.Add(1)
	})
	return nil
}

func (s *session) flush() error {
	s.running.Wait()
	end := &End{Got: s.got, Answered: int(s.answered.Swap(0))}
	s.got, s.names = 0, &names{}
	return s.replies.write(Reply{End: end})
}

var errSourceOnly = errors.New("this probe is source-only: it takes no key and has no receipts")

func (s *session) key(o Order) error {
	if s.server.target == nil {
		return s.fault(errSourceOnly)
	}
	if err := s.server.target.SetKey(o.Key); err != nil {
		return s.fault(err)
	}
	return s.replies.write(Reply{Keyed: &Keyed{Boot: s.server.target.Boot(), NoSCTP: s.server.target.NoSCTP()}})
}

func (s *session) receipts(o Order) error {
	if s.server.target == nil {
		return s.fault(errSourceOnly)
	}
	return s.server.target.Receipts(o.After, func(r Receipts) error { return s.replies.write(Reply{Receipts: &r}) })
}

func (s *session) fault(err error) error { return s.replies.write(Reply{Fault: err.Error()}) }
