package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/partywall/partywall/verdicts"
)

// APIVersion and Kind stand in the header of every record that this version
// writes, and no other is read.
const (
	APIVersion = "partywall.dev/v1alpha1"
	Kind       = "Results"
)

// JSON is the record itself: one object of a header, the results and a
// summary, one result a line. It is written result by result, never held in
// memory as text.
type JSON struct{}

// Name is "json".
func (JSON) Name() string { return "json" }

// Write writes the record.
func (JSON) Write(w io.Writer, rec *verdicts.Record) error {
	if err := writePart(w, `{"header":`, stamped(rec.Header)); err != nil {
		return err
	}
	opening := ",\n\"results\":[\n"
	for r := range rec.Results.All() {
		if err := writePart(w, opening, r); err != nil {
			return fmt.Errorf("result %s: %w", r.ID, err)
		}
		opening = ",\n"
	}
	if err := rec.Results.Err(); err != nil {
		return err
	}
	closing := "\n],\n\"summary\":"
	if rec.Results.Len() == 0 {
		closing = ",\n\"results\":[],\n\"summary\":"
	}
	if err := writePart(w, closing, rec.Summary); err != nil {
		return err
	}
	_, err := io.WriteString(w, "}\n")
	return err
}

func writePart(w io.Writer, before string, v any) error {
	text, err := marshal(v)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, before); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// stamped fills in the version of the format where the caller left it out.
func stamped(h verdicts.Header) verdicts.Header {
	if h.APIVersion == "" {
		h.APIVersion = APIVersion
	}
	if h.Kind == "" {
		h.Kind = Kind
	}
	return h
}

// marshal writes JSON on one line, and escapes also what encoding/json lets
// through and a terminal would act upon: DEL, the C1 controls, format marks.
// Outside strings JSON is ASCII, so each such rune stands in a string.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the arrow in an id should be found by grep
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if !bytes.ContainsFunc(text, escapedInJSON) {
		return text, nil
	}
	var escaped bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if escapedInJSON(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.Write(text[:size])
		}
		text = text[size:]
	}
	return escaped.Bytes(), nil
}

func escapedInJSON(r rune) bool { return r < 0x10000 && dangerous(r) }
