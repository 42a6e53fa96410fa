package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// jsonRead is what a results file held, part by part.
type jsonRead struct {
	dec     *json.Decoder
	header  *verdicts.Header
	results *stored
	counted verdicts.Summary // of the results
	summary *verdicts.Summary
}

// readJSON reads what JSON wrote, also where it was laid out anew since.
func readJSON(file io.ReaderAt) (*verdicts.Record, error) {
	r := jsonRead{dec: json.NewDecoder(whole(file))}
	err := r.object(file)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends in the middle: it was cut short, or is still being copied")
	}
	if err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	if err := agrees(*r.summary, r.counted); err != nil {
		return nil, err
	}
	return &verdicts.Record{Header: *r.header, Results: r.results, Summary: *r.summary}, nil
}

func (r *jsonRead) object(file io.ReaderAt) error {
	if err := r.opens('{'); err != nil {
		return err
	}
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return err
		}
		if err := r.part(fmt.Sprint(key), file); err != nil {
			return err
		}
	}
	if _, err := r.dec.Token(); err != nil {
		return err
	}
	if r.header == nil || r.results == nil || r.summary == nil {
		return errors.New("a header, results and a summary make a record, and one of them is missing: somebody changed the file")
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the record; the file is not what one run wrote")
	}
	return nil
}

// part reads one of the three. The header comes first, so that a file of
// another kind is called that, and not damaged.
func (r *jsonRead) part(key string, file io.ReaderAt) error {
	switch {
	case key == "header" && r.header == nil:
		if err := r.dec.Decode(&r.header); err != nil || r.header == nil {
			return err
		}
		return checkVersion(*r.header)
	case r.header == nil:
		return checkVersion(verdicts.Header{})
	case key == "results" && r.results == nil:
		return r.list(file)
	case key == "summary" && r.summary == nil:
		return r.dec.Decode(&r.summary)
	}
	return fmt.Errorf("a part %q is too much: somebody changed the file", key)
}

// list reads all results once, and keeps where they are.
func (r *jsonRead) list(file io.ReaderAt) error {
	if err := r.opens('['); err != nil {
		return err
	}
	r.results = &stored{each: listed(file, r.dec.InputOffset()-1), what: "the results again"}
	r.counted.Counts = map[verdicts.Verdict]int{}
	if err := eachListed(r.dec, r.count); err != nil {
		return err
	}
	_, err := r.dec.Token()
	return err
}

func (r *jsonRead) count(result *verdicts.Result) bool {
	r.results.n++
	r.counted.Counts[result.Verdict]++
	if result.Fails {
		r.counted.Failures++
	}
	return true
}

func (r *jsonRead) opens(want json.Delim) error {
	token, err := r.dec.Token()
	if err == nil && token != want {
		return checkVersion(verdicts.Header{})
	}
	return err
}

// checkVersion refuses what this version does not read.
func checkVersion(h verdicts.Header) error {
	switch {
	case h.APIVersion == APIVersion && h.Kind == Kind:
		return nil
	case strings.HasPrefix(h.APIVersion, group) && h.Kind == Kind:
		return fmt.Errorf("the file is of %s, written by Partywall %s, and this version reads %s; read it with the one that wrote it", h.APIVersion, orNone(h.Version), APIVersion)
	}
	return errors.New("this is no record of a Partywall run; results.json and results.jsonl are such")
}
