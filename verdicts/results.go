package verdicts

import (
	"encoding/json"
	"iter"
)

// Results are those of a run, in the order of its plan. There may be more of
// them than memory holds.
type Results interface {
	Len() int
	// All yields each; the pointer is the caller's to keep. Where they lie on a
	// disk, it ends early where that fails, and Err says why.
	All() iter.Seq[*Result]
	Err() error
}

// List is results in memory.
type List []Result

// Len is how many there are.
func (l List) Len() int { return len(l) }

// All yields each.
func (l List) All() iter.Seq[*Result] {
	return func(yield func(*Result) bool) {
		for i := range l {
			if !yield(&l[i]) {
				return
			}
		}
	}
}

// Err is nil: memory does not fail.
func (List) Err() error { return nil }

// UnmarshalJSON reads a record into memory.
func (r *Record) UnmarshalJSON(text []byte) error {
	var plain struct {
		Header  Header
		Results List
		Summary Summary
	}
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	*r = Record{Header: plain.Header, Results: plain.Results, Summary: plain.Summary}
	return nil
}
