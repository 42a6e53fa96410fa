package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/partywall/partywall/verdicts"
)

// stored is the results that a file holds: there may be more of them than
// memory does.
type stored struct {
	n int
	// each goes through the file's results, from the first, until yield is false.
	each func(yield func(*verdicts.Result) bool) error
	what string // the file, as an error calls it
	err  error
}

// Results are those that the spool holds, as far as the run's controls bear
// them out. They are read again from it, and only until it is closed.
func (s *Spool) Results(proven verdicts.Sensitivity) verdicts.Results {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &stored{n: s.results, each: spooled(s.file, proven.Hold), what: "spool " + s.file.Name()}
}

// Len is how many results were kept.
func (s *stored) Len() int { return s.n }

// Err says why the results could not all be read again.
func (s *stored) Err() error { return s.err }

// All reads them again.
func (s *stored) All() iter.Seq[*verdicts.Result] {
	return func(yield func(*verdicts.Result) bool) {
		if err := s.read(yield); err != nil && s.err == nil {
			s.err = fmt.Errorf("reading %s: %w", s.what, err)
		}
	}
}

func (s *stored) read(yield func(*verdicts.Result) bool) error {
	n, more := 0, s.n > 0
	if !more {
		return nil
	}
	err := s.each(func(r *verdicts.Result) bool {
		n++
		more = yield(r) && n < s.n
		return more
	})
	if err == nil && more {
		err = fmt.Errorf("it holds %d of the %d results that were kept: somebody changed it", n, s.n)
	}
	return err
}

// resultBegins is how the line of a result begins.
var resultBegins = []byte(`{"result":`)

// spooled reads the results of a spool, and has each held against something.
func spooled(file io.ReaderAt, hold func(*verdicts.Result)) func(func(*verdicts.Result) bool) error {
	return func(yield func(*verdicts.Result) bool) error {
		lines := bufio.NewReaderSize(whole(file), 1<<16)
		for {
			line, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if !bytes.HasPrefix(line, resultBegins) {
				continue
			}
			var l struct{ Result *verdicts.Result }
			if err := json.Unmarshal(line, &l); err != nil {
				return err
			}
			hold(l.Result)
			if !yield(l.Result) {
				return nil
			}
		}
	}
}

// listed reads the results of a results file, whose list begins at an offset.
func listed(file io.ReaderAt, at int64) func(func(*verdicts.Result) bool) error {
	return func(yield func(*verdicts.Result) bool) error {
		dec := json.NewDecoder(io.NewSectionReader(file, at, math.MaxInt64-at))
		if _, err := dec.Token(); err != nil {
			return err
		}
		return eachListed(dec, yield)
	}
}

// eachListed decodes the results of a list that was just opened.
func eachListed(dec *json.Decoder, yield func(*verdicts.Result) bool) error {
	for n := 1; dec.More(); n++ {
		var r verdicts.Result
		if err := dec.Decode(&r); err != nil {
			return fmt.Errorf("result %d: %w", n, err)
		}
		if !yield(&r) {
			return nil
		}
	}
	return nil
}

// whole reads a file from its beginning, whoever else reads it or writes to it.
func whole(file io.ReaderAt) io.Reader { return io.NewSectionReader(file, 0, math.MaxInt64) }
