package reports

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// phaseWidth keeps the live line from wrapping, for a line that has wrapped
// cannot be rewritten.
const phaseWidth = 45

// Progress tells how far a run is, a line a phase. On a terminal the last one
// is written again when its phase ends, with the time by then. Its
// methods may be called concurrently.
type Progress struct {
	mu    sync.Mutex
	w     io.Writer
	live  bool
	now   func() time.Time
	begun time.Time
	phase string
	open  bool // the live line is on screen
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
	p.phase = cut(Harmless(name), phaseWidth)
	p.show()
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
	text := fmt.Sprintf("%4ds  %s", int(p.now().Sub(p.begun).Seconds()), p.phase)
	if !p.live {
		fmt.Fprintln(p.w, text)
		return
	}
	// Erase to the end of the line: the text before may have been longer.
	fmt.Fprint(p.w, "\r"+text+"\x1b[K")
	p.open = true
}
