package reports

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/partywall/partywall/verdicts"
)

const spoolExt = ".jsonl"

// SpoolPath is where the spool of a results file stands: beside it, as
// results.jsonl to results.json.
func SpoolPath(results string) string {
	return strings.TrimSuffix(results, filepath.Ext(results)) + spoolExt
}

// ErrBusy says that a spool is another run's, which is still under way.
var ErrBusy = errors.New("another run is writing it")

// Spool is a run's record as it grows: JSON lines, each in the file as soon
// as its method returns, so that a killed run leaves all that it knew. Its
// methods may be called concurrently.
type Spool struct {
	mu      sync.Mutex
	file    *os.File
	made    []string // folders that there were not before, the innermost first
	begun   bool     // something was written
	results int      // that were kept
	broken  error    // of the first write that failed
}

// spoolLine is one line. Exactly one part is set.
type spoolLine struct {
	Header   *verdicts.Header  `json:"header,omitempty"`
	Observed *any              `json:"observed,omitempty"`
	Result   *verdicts.Result  `json:"result,omitempty"`
	Summary  *verdicts.Summary `json:"summary,omitempty"`
}

// CreateSpool starts a spool, in place of one that an earlier run left. It is
// this run's alone until it is closed; where it is another's, the error is
// ErrBusy.
func CreateSpool(path string) (*Spool, error) {
	made := missing(filepath.Dir(path))
	f, err := claim(path)
	if err != nil {
		return nil, fmt.Errorf("creating spool %s: %w", path, err)
	}
	return &Spool{file: f, made: made}, nil
}

// Header opens the record. It comes first, and once.
func (s *Spool) Header(h verdicts.Header) error {
	h = stamped(h)
	return s.write(spoolLine{Header: &h})
}

// Observed keeps a piece of raw evidence, any value that JSON can hold.
func (s *Spool) Observed(v any) error { return s.write(spoolLine{Observed: &v}) }

// Result keeps a judged attempt.
func (s *Spool) Result(r verdicts.Result) error {
	if err := s.write(spoolLine{Result: &r}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results++
	return nil
}

// Summary closes the record: without it, the run counts as killed.
func (s *Spool) Summary(sum verdicts.Summary) error {
	if err := s.write(spoolLine{Summary: &sum}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed(s.file.Sync())
}

// Close closes the file, and lets other runs have it. A spool in which nothing
// was written is removed: it says nothing of any run.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.discard()
	}
	return s.failed(s.file.Close())
}

// discard removes the file and the folders that were made for it, as far as
// they hold nothing else. What cannot be removed does no harm.
func (s *Spool) discard() {
	if !inPlace(s.file) {
		return
	}
	_ = os.Remove(s.file.Name())
	for _, folder := range s.made {
		_ = os.Remove(folder)
	}
}

// write appends one line with a single write. After a write that failed none
// follows: half a line in the middle would cost the reader the rest.
func (s *Spool) write(line spoolLine) error {
	text, err := marshal(line)
	if err != nil {
		return fmt.Errorf("spooling: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.begun = true
		_, err := s.file.Write(append(text, '\n'))
		s.broken = s.failed(err)
	}
	return s.broken
}

func (s *Spool) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing spool %s: %w", s.file.Name(), err)
}
