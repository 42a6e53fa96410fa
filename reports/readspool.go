package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// spoolRead is what a spool held, line by line.
type spoolRead struct {
	header   *verdicts.Header
	summary  *verdicts.Summary
	results  int
	observed int
}

// readSpool reads a spool, also that of a run that was killed while it wrote:
// a last line without its line end is left out. Without a summary the record
// is partial and says how far the run came; failures that it found stay
// failures, and weigh more than that.
func readSpool(file io.ReaderAt) (*verdicts.Record, error) {
	var s spoolRead
	lines := bufio.NewReaderSize(whole(file), 1<<16)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return s.record(line, file)
		}
		if err != nil {
			return nil, fmt.Errorf("reading spool: line %d: %w", n, err)
		}
		if err := s.take(line); err != nil {
			return nil, fmt.Errorf("reading spool: line %d: %w", n, err)
		}
	}
}

// take adds one whole line.
func (s *spoolRead) take(line []byte) error {
	var l struct {
		Header   *verdicts.Header  `json:"header"`
		Observed json.RawMessage   `json:"observed"`
		Result   *verdicts.Result  `json:"result"`
		Summary  *verdicts.Summary `json:"summary"`
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return err
	}
	if s.header == nil && l.Header == nil {
		return errors.New("a spool begins with its header, and this does not")
	}
	if s.summary != nil {
		return errors.New("the summary ends a spool, and this follows it")
	}
	switch {
	case l.Header != nil && s.header != nil:
		return errors.New("a second header: two runs wrote this file")
	case l.Header != nil:
		s.header = l.Header
		return checkVersion(*l.Header)
	case l.Result != nil && bytes.HasPrefix(line, resultBegins):
		s.results++
	case l.Summary != nil:
		s.summary = l.Summary
	case l.Observed != nil:
		s.observed++
	default:
		return errors.New("neither a header, an observation, a result nor a summary")
	}
	return nil
}

// record makes the record. torn is what follows the last line end.
func (s *spoolRead) record(torn []byte, file io.ReaderAt) (*verdicts.Record, error) {
	if s.header == nil && !beginsHeader(torn) {
		return nil, errors.New("reading spool: this is not a spool: it does not begin with a header")
	}
	rec := &verdicts.Record{}
	if s.header != nil {
		rec.Header = *s.header
	}
	hold := func(*verdicts.Result) {} // what the controls of a killed run came to is not known
	if s.summary != nil {
		rec.Summary = *s.summary
		hold = s.summary.Sensitivity.Hold
	}
	rec.Results = &stored{n: s.results, each: spooled(file, hold), what: "the spool again"}
	counted := verdicts.Summarise(rec.Results, time.Time{})
	if err := rec.Results.Err(); err != nil {
		return nil, err
	}
	if s.summary != nil {
		return rec, agrees(*s.summary, counted)
	}
	counted.Unfinished("%s", s.howFar())
	rec.Summary = counted
	return rec, nil
}

// beginsHeader says whether a torn first line can be that of a spool.
func beginsHeader(torn []byte) bool {
	want := []byte(`{"header":`)
	n := min(len(torn), len(want))
	return bytes.Equal(torn[:n], want[:n])
}

func (s *spoolRead) howFar() string {
	if s.header == nil {
		return "the run ended before it had written what it was going to do"
	}
	far := fmt.Sprintf("the run ended before its end: %d of %d planned attempts have a result",
		s.results, s.header.Planned)
	if s.observed > 0 {
		far += fmt.Sprintf(", and %d lines of raw evidence were kept", s.observed)
	}
	return far
}
