package reports

import "fmt"

// Note says something beside the phases, on a line of its own.
func (p *Progress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live && p.open {
		fmt.Fprintln(p.w)
	}
	fmt.Fprintln(p.w, "       "+Harmless(text))
	p.open = false
}
