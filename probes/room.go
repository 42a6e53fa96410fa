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
	// FirstInFlight is how many it makes of those that are answered: what runs
	// between many pods at once takes each one's time.
	FirstInFlight = 64
	// silence is how long nothing may end before twice as many have room.
	silence = 100 * time.Millisecond
)

// room bounds what is in flight. What is dropped costs nothing but its deadline,
// and as much of it as there is waits together; what is answered takes the
// processors' time, and waits for its turn instead.
type room struct {
	mu      sync.Mutex
	most    int
	limit   int // now
	taken   int
	sending int           // replies that wait for a reader, and with them what they are of
	ended   chan struct{} // something did, since somebody last looked
}

func newRoom(most int) *room {
	if most <= 0 {
		most = DefaultInFlight
	}
	return &room{most: most, limit: min(FirstInFlight, most), ended: make(chan struct{}, 1)}
}

// enter waits for a place.
func (r *room) enter(ctx context.Context) error {
	for !r.take() {
		silent := time.NewTimer(silence)
		select {
		case <-r.ended:
		case <-silent.C:
			r.widen()
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

// widen makes room, unless it may be that nothing ends because nobody reads.
func (r *room) widen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sending > 0 {
		return
	}
	r.limit = min(2*r.limit, r.most)
}

// send counts a reply that is being written until the function that it returns.
func (r *room) send() (sent func()) {
	r.count(1)
	return func() { r.count(-1) }
}

func (r *room) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sending += n
}

// leave gives a place back. What comes after a room was empty is told anew.
func (r *room) leave() {
	r.mu.Lock()
	if r.taken--; r.taken == 0 {
		r.limit = min(FirstInFlight, r.most)
	}
	r.mu.Unlock()
	select {
	case r.ended <- struct{}{}:
	default: // it is known already
	}
}
