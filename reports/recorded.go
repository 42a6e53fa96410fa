package reports

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/partywall/partywall/verdicts"
)

// Recorded is a saved record. Its results stay in their file, and are read
// from it each time that somebody goes through them, until it is closed: there
// may be more of them than memory holds.
type Recorded struct {
	verdicts.Record
	file *os.File
}

// Close closes the file.
func (r *Recorded) Close() error { return r.file.Close() }

// Open opens a saved record, and reads all of it once: a spool where the name
// ends in .jsonl, and otherwise a results file. What no run of this version
// wrote is refused, and so is what was changed since.
func Open(path string) (*Recorded, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	read := readJSON
	if filepath.Ext(path) == spoolExt {
		read = readSpool
	}
	rec, err := read(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Recorded{Record: *rec, file: f}, nil
}

func openRegular(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file; a record is gone through more than once, so name the file itself", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// agrees refuses a record whose summary does not count its own results: by the
// one it could be green where it is not by the other.
func agrees(said, counted verdicts.Summary) error {
	if maps.Equal(counted.Counts, said.Counts) && counted.Failures == said.Failures {
		return nil
	}
	return fmt.Errorf("reading results: the summary counts %d failures and %v, and the results themselves come to %d and %v: somebody changed the file",
		said.Failures, said.Counts, counted.Failures, counted.Counts)
}

// Read reads a saved record into memory.
func Read(path string) (*verdicts.Record, error) {
	saved, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer saved.Close()
	all := make(verdicts.List, 0, saved.Results.Len())
	for r := range saved.Results.All() {
		all = append(all, *r)
	}
	return &verdicts.Record{Header: saved.Header, Results: all, Summary: saved.Summary}, saved.Results.Err()
}
