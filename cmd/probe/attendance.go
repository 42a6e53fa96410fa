package main

import (
	"sync"
	"time"
)

// attendance watches whether any runner still speaks to the probe. A probe
// that nobody has spoken to for so long is an orphan: its runner was killed or
// cut off for good, and it ends by itself.
type attendance struct {
	after   time.Duration
	mu      sync.Mutex
	streams int
	timer   *time.Timer
}

// attend begins the watch, as if the last stream had just ended, and calls
// abandoned when it is over. An after of zero watches nothing.
func attend(after time.Duration, abandoned func()) *attendance {
	a := &attendance{after: after}
	if after > 0 {
		a.timer = time.AfterFunc(after, abandoned)
	}
	return a
}

// come is called where a stream opens.
func (a *attendance) come() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams++
	if a.timer != nil {
		a.timer.Stop()
	}
}

// leave is called where a stream has ended.
func (a *attendance) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams--
	if a.timer != nil && a.streams == 0 {
		a.timer.Reset(a.after)
	}
}
