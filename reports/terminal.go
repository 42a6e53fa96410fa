package reports

import (
	"os"

	"golang.org/x/term"
)

// defaultWidth is for where there is no terminal to ask.
const defaultWidth = 80

// Options say how to write for people.
type Options struct {
	Colour bool
	Width  int // of a line; 0 is 80
}

func (o Options) width() int {
	if o.Width <= 0 {
		return defaultWidth
	}
	return o.Width
}

// OptionsFor fits what is written to f: colour on a terminal unless NO_COLOR
// is set or TERM is dumb, and the terminal's width.
func OptionsFor(f *os.File) Options {
	if !IsTerminal(f) {
		return Options{}
	}
	opt := Options{Colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		opt.Width = width
	}
	return opt
}

// IsTerminal says whether somebody watches f.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
