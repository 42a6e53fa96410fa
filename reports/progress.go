package reports

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	liveGap  = 100 * time.Millisecond // between two rewrites of a line
	plainGap = 10 * time.Second       // between two plain lines

	// phaseWidth keeps the live line from wrapping, for a line that has wrapped
	// cannot be rewritten.
	phaseWidth = 45
)

// Progress tells how far a run is: on a terminal one line that is rewritten,
// elsewhere a plain line a phase and one every ten seconds. Its methods may
// be called concurrently.
type Progress struct {
	mu          sync.Mutex
	w           io.Writer
	live        bool
	now         func() time.Time
	begun       time.Time
	last        time.Time // when a line was last written
	phase       string
	done, total int
	open        bool // the live line is on screen
}

// NewProgress writes to w, which is a terminal where live is set.
func NewProgress(w io.Writer, live bool) *Progress {
	return &Progress{w: w, live: live, now: time.Now, begun: time.Now()}
}

// Phase begins a phase of the run.
func (p *Progress) Phase(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live && p.open {
		// Let the phase before stand as it ended.
		p.show()
		fmt.Fprintln(p.w)
	}
	p.phase, p.done, p.total = cut(Harmless(name), phaseWidth), 0, 0
	p.show()
}

// Step says how much of the phase is done.
func (p *Progress) Step(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = done, total
	gap := plainGap
	if p.live {
		gap = liveGap
	}
	if p.now().Sub(p.last) >= gap {
		p.show()
	}
}

// Close ends the last phase, so that what is printed next stands on a line of
// its own.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		p.show()
		fmt.Fprintln(p.w)
		p.open = false
	}
}

func (p *Progress) show() {
	p.last = p.now()
	text := fmt.Sprintf("%4ds  %s", int(p.last.Sub(p.begun).Seconds()), p.phase)
	if p.total > 0 {
		text += fmt.Sprintf(": %d of %d", p.done, p.total)
	}
	if !p.live {
		fmt.Fprintln(p.w, text)
		return
	}
	// Erase to the end of the line: the text before may have been longer.
	fmt.Fprint(p.w, "\r"+text+"\x1b[K")
	p.open = true
}
