package probes

import (
	"net/netip"
	"sync"
	"time"
)

// batchSize is how many receipts travel in one line.
const batchSize = 500

// ledger keeps the newest receipts in a ring, so that a flood costs a bounded
// amount of memory; what it had to forget before anybody read it is counted.
type ledger struct {
	mu    sync.Mutex
	ring  []Receipt // grows to size, then wraps: the receipt of seq is at (seq-1) % size
	size  uint64
	last  uint64
	acked uint64 // the newest number that a reader says it has
	given uint64 // the newest number that a reader was given
	lost  uint64
}

func newLedger(size int) *ledger { return &ledger{size: uint64(size)} }

// open records an arrival, which may have to say something yet, and gives it its
// number.
func (l *ledger) open(proto string, port int, remote netip.AddrPort, heard bool) uint64 {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	r := Receipt{At: time.Now().UTC(), Proto: proto, Port: port, Remote: remote.String(), Heard: heard}

	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keep(r)
}

func (l *ledger) keep(r Receipt) uint64 {
	l.last++
	r.Seq = l.last
	if uint64(len(l.ring)) < l.size {
		l.ring = append(l.ring, r)
		return r.Seq
	}
	at := (r.Seq - 1) % l.size
	if l.ring[at].Seq > l.acked {
		l.lost++
	}
	l.ring[at] = r
	return r.Seq
}

// fill adds what the arrival said, if it is still remembered.
func (l *ledger) fill(seq uint64, nonce string, good bool) {
	l.amend(seq, func(r *Receipt) { r.Nonce, r.Good, r.Heard = nonce, good, true })
}

// hear says that the arrival said something, whatever it was.
func (l *ledger) hear(seq uint64) {
	l.amend(seq, func(r *Receipt) { r.Heard = true })
}

// amend changes what is remembered of an arrival. Whoever was given one that a
// mesh's proxy brought, as it was, is given it again, as one more: its silence is
// no arrival, and may have been broken later.
func (l *ledger) amend(seq uint64, change func(*Receipt)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		r := &l.ring[(seq-1)%l.size]
		switch {
		case r.Seq != seq:
			return
		case r.again != 0:
			seq = r.again
		case seq > l.given || !r.ByProxy():
			change(r)
			return
		default:
			again := *r
			change(&again)
			r.again = l.last + 1
			l.keep(again)
			return
		}
	}
}

// after returns what is kept of the receipts behind the cursor, in order, the
// newest number given out, and how many arrivals are missing: those forgotten
// before anybody had them, or those that this reader asks for too late.
func (l *ledger) after(cursor uint64) (kept []Receipt, last, lost uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cursor = min(cursor, l.last)
	l.acked = max(l.acked, cursor)
	oldest := l.last - uint64(len(l.ring)) // the newest number that is no longer kept
	if oldest > cursor {
		lost = oldest - cursor
	}
	for seq := max(oldest, cursor) + 1; seq <= l.last; seq++ {
		kept = append(kept, l.ring[(seq-1)%l.size])
	}
	l.given = l.last
	return kept, l.last, max(lost, l.lost)
}
