package probes

import (
	"context"
	"sync"
	"time"
)

const (
	// DefaultInFlight is how many attempts a probe makes at the same time where
	// its network is silent.
	DefaultInFlight = 2048
	// firstInFlight is how many it makes of those that are answered: what runs
	// between many pods at once takes each one's time.
	firstInFlight = 64
	// silence is how long nothing may end before twice as many have room.
	silence = 100 * time.Millisecond
)

// room bounds what is in flight. What is dropped costs nothing but its deadline,
// and as much of it as there is waits together; what is answered takes the
// processors' time, and waits for its turn instead.
type room struct {
	mu    sync.Mutex
	most  int
	limit int // now
	taken int
	ended chan struct{} // something did, since somebody last looked
}

func newRoom(most int) *room {
	if most <= 0 {
		most = DefaultInFlight
	}
	return &room{most: most, limit: min(firstInFlight, most), ended: make(chan struct{}, 1)}
}

// enter waits for a place. That nothing ends says nothing of the network where it may
// be that nobody reads what did.
func (r *room) enter(ctx context.Context, unread func() bool) error {
	for !r.take() {
		silent := time.NewTimer(silence)
		select {
		case <-r.ended:
		case <-silent.C:
			if !unread() {
				r.widen()
			}
		case <-ctx.Done():
		}
		silent.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (r *room) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken >= r.limit {
		return false
	}
	r.taken++
	return true
}

func (r *room) widen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = min(2*r.limit, r.most)
}

// leave gives a place back. What comes after a room was empty is told anew.
func (r *room) leave() {
	r.mu.Lock()
	if r.taken--; r.taken == 0 {
		r.limit = min(firstInFlight, r.most)
	}
	r.mu.Unlock()
	select {
	case r.ended <- struct{}{}:
	default: // it is known already
	}
}
