package tenancy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxErrors bounds what a hostile or generated file can make us say.
const maxErrors = 500

// Error is one thing wrong with a tenancy. Line and Column count from 1;
// Line is 0 where no place in a file is to blame.
type Error struct {
	Path         string
	Line, Column int
	Message      string
}

// Error puts the place first, as compilers do, so that editors can jump to it.
func (e Error) Error() string {
	switch {
	case e.Path == "":
		return e.Message
	case e.Line == 0:
		return e.Path + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
}

// Errors is everything wrong with a tenancy, in the order of the file. It
// means that the user's statement is at fault, never the cluster: errors.As
// tells it from an API error.
type Errors []Error

// Error gives one line an error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// position is a place in the file; the zero value is no place.
type position struct{ line, column int }

func positionOf(n *yaml.Node) position { return position{n.Line, n.Column} }

// problems collects errors, so that a file's are all reported together.
type problems struct {
	path string
	list Errors
	seen map[Error]bool
}

// add records an error once: what an alias repeats is the same mistake.
func (p *problems) add(at position, format string, args ...any) {
	if p.full() {
		return
	}
	e := Error{p.path, at.line, at.column, fmt.Sprintf(format, args...)}
	if p.seen[e] {
		return
	}
	if p.seen == nil {
		p.seen = map[Error]bool{}
	}
	p.seen[e] = true
	p.list = append(p.list, e)
}

// unknown records a value that is none of the valid ones.
func (p *problems) unknown(at position, what, value string, valid []string) {
	if p.full() { // looking for the nearest one is the costly part
		return
	}
	p.add(at, "%s", unknown(what, value, valid))
}

func (p *problems) full() bool { return len(p.list) >= maxErrors }

// err returns what was collected, or nil.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if p.full() {
		last := p.list[len(p.list)-1]
		last.Message = fmt.Sprintf("too many errors: only the first %d are shown", maxErrors)
		return append(p.list, last)
	}
	return p.list
}
