package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/tenancy"
)

// The exit codes beside those of a verdict (verdicts.Exit…).
const (
	exitUsage     = 2 // usage, or a bad tenancy file
	exitCannotRun = 4 // the run could not start at all
)

// exit is an error that has its exit code with it. Without one, it is a
// verdict: everything was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// cannotRun gives an error its exit code. What is wrong with the tenancy stays
// the user's to mend, whoever found it.
func cannotRun(err error) error {
	var bad tenancy.Errors
	if errors.As(err, &bad) {
		return err
	}
	return &exit{exitCannotRun, err}
}

// say writes an error for people. One in a file begins with its place and
// nothing else, as compilers have it, so that editors can jump there.
func say(w io.Writer, program string, err error) {
	var bad tenancy.Errors
	if !errors.As(err, &bad) {
		fmt.Fprintf(w, "%s: %s\n", program, indent(err.Error()))
		return
	}
	for _, e := range bad {
		text := reports.Harmless(e.Error())
		if e.Path == "" {
			text = program + ": " + text
		}
		fmt.Fprintln(w, text)
	}
}

// indent shows by two spaces which lines belong to the first. API servers and
// files have their say in errors, so each line is made harmless.
func indent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = reports.Harmless(line)
		if i > 0 && !strings.HasPrefix(line, "  ") {
			lines[i] = "  " + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}
