package outside

import (
	"crypto/rand"
	"net"
	"sync"
	"time"
)

const (
	// capacity bounds the memory that a flood can take.
	capacity = 10000
	// maxText bounds what a caller can make the journal keep of one request.
	maxText = 300
)

// Entry is one thing that the outside saw.
type Entry struct {
	// Number grows by one with every entry.
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	// Host is the address and port that was called, Service what answers there.
	Host     string `json:"host"`
	Service  string `json:"service"`
	Protocol string `json:"protocol"`
	// From is who called: a pod's own address, as nothing rewrites it on the way.
	From string `json:"from"`
	// Request is what a visitor did: connected, asked for a path, sent a datagram.
	Request string `json:"request,omitempty"`
	// Name and Type are those of a question, written as they were asked.
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
}

// Page is an answer to a reader of the journal.
type Page struct {
	// Boot tells one life of the outside from another: numbers begin anew.
	Boot string `json:"boot"`
	// Last is the number to ask on from.
	Last uint64 `json:"last"`
	// Lost counts entries that were dropped before they were read.
	Lost    uint64  `json:"lost"`
	Entries []Entry `json:"entries"`
}

// journal keeps the newest entries.
type journal struct {
	boot string

	mu      sync.Mutex
	last    uint64
	entries []Entry
}

func newJournal() *journal { return &journal{boot: rand.Text()} }

// add writes an entry down and returns its number.
func (j *journal) add(e Entry) uint64 {
	e.Time = time.Now().UTC()
	e.Request = e.Request[:min(len(e.Request), maxText)]
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	e.Number = j.last
	if len(j.entries) < capacity {
		j.entries = append(j.entries, e)
	} else {
		j.entries[(j.last-1)%capacity] = e
	}
	return e.Number
}

// page lists the entries after a number that a reader wants.
func (j *journal) page(since uint64, wanted func(Entry) bool) Page {
	j.mu.Lock()
	defer j.mu.Unlock()
	page := Page{Boot: j.boot, Last: j.last, Entries: []Entry{}}
	oldest := j.last - uint64(len(j.entries)) + 1
	// A number from the future, or of another life, has nothing after it.
	since = min(since, j.last)
	if since+1 < oldest {
		page.Lost = oldest - since - 1
	}
	for number := max(oldest, since+1); number <= j.last; number++ {
		if e := j.entries[(number-1)%capacity]; wanted(e) {
			page.Entries = append(page.Entries, e)
		}
	}
	return page
}

// place is where something was seen: an entry without the event.
func place(service string, local, remote net.Addr) Entry {
	return Entry{Host: local.String(), Service: service, Protocol: local.Network(), From: remote.String()}
}
