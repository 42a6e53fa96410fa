package main

import (
	"io"
	"os"

	"github.com/partywall/partywall/reports"
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// output remembers the first write that failed, so that commands print without
// looking and the failure is said once, at the end.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// fileOf is the file behind a stream, where there is one.
func fileOf(w io.Writer) (*os.File, bool) {
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	return f, ok
}

// terminalOf is how to write for whoever reads a stream.
func terminalOf(w io.Writer) reports.Options {
	if f, ok := fileOf(w); ok {
		return reports.OptionsFor(f)
	}
	return reports.Options{}
}
