package probes

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// fresh is how long an answer of the resolver serves the attempts of one batch.
	fresh = time.Second
	// unanswered is how long an attempt waits for the answer to another's question,
	// which may be lost, before it asks for itself.
	unanswered = 300 * time.Millisecond
)

// names are what a batch of attempts was told: addresses by their resolver, and by
// the pod's own proxy what that knows. Ten attempts at one name ask for it once:
// where all ask at the same moment a cluster's resolver loses questions, and an
// attempt whose question is lost was never made. Only an address is shared. Where there was none, or none yet, each attempt asks for
// itself, so that what ends by the resolver's word ends by a word to itself.
type names struct {
	mu    sync.Mutex
	asked map[string]*asking
	told  told
}

// asking is one of them. It is answered once told is closed; an address that
// is not valid is none.
type asking struct {
	at   time.Time
	told chan struct{}
	addr netip.Addr
}

// resolve is ask's answer, or that to another attempt of the batch.
func (n *names) resolve(ctx context.Context, host string, ask func() (netip.Addr, error)) (netip.Addr, error) {
	q, first := n.of(host)
	if first {
		defer close(q.told)
		addr, err := ask()
		q.addr = addr
		return addr, err
	}
	waited := time.NewTimer(unanswered)
	defer waited.Stop()
	select {
	case <-q.told:
		if q.addr.IsValid() {
			return q.addr, nil
		}
	case <-waited.C:
	case <-ctx.Done():
		return netip.Addr{}, &net.DNSError{Err: "no answer in time", Name: host, IsTimeout: true}
	}
	return ask()
}

// of is the one that was asked not long ago, or else a new one.
func (n *names) of(host string) (q *asking, first bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q, ok := n.asked[host]; ok && time.Since(q.at) < fresh {
		return q, false
	}
	q = &asking{at: time.Now(), told: make(chan struct{})}
	if n.asked == nil {
		n.asked = map[string]*asking{}
	}
	n.asked[host] = q
	return q, true
}
