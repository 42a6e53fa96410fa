package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// InToto is the run as an in-toto statement with a test result, for whoever
// signs, stores and asks for attestations: https://in-toto.io/Statement/v1, with
// https://in-toto.io/attestation/test-result/v0.1. It is not signed. Its subject
// is the record, by the digest of what the json format writes; a test is a check.
type InToto struct{}

// The types of a statement and of its predicate.
const (
	inTotoStatement  = "https://in-toto.io/Statement/v1"
	inTotoTestResult = "https://in-toto.io/attestation/test-result/v0.1"
	inTotoTool       = "Partywall" // by which a file of ours is known
	inTotoSubject    = "results.json"
)

// The results that the predicate knows.
const (
	inTotoPassed = "PASSED"
	inTotoWarned = "WARNED"
	inTotoFailed = "FAILED"
)

type (
	inTotoFile struct {
		Type          string           `json:"_type"`
		Subject       []inTotoResource `json:"subject"`
		PredicateType string           `json:"predicateType"`
		Predicate     inTotoPredicate  `json:"predicate"`
	}
	// inTotoResource is something that a statement speaks of.
	inTotoResource struct {
		Name   string            `json:"name"`
		URI    string            `json:"uri,omitempty"`
		Digest map[string]string `json:"digest,omitempty"`
		Notes  map[string]string `json:"annotations,omitempty"`
	}
	inTotoPredicate struct {
		Result        string           `json:"result"`
		Configuration []inTotoResource `json:"configuration"`
		Passed        []string         `json:"passedTests"`
		Warned        []string         `json:"warnedTests"`
		Failed        []string         `json:"failedTests"`
	}
)

// Name is "in-toto".
func (InToto) Name() string { return "in-toto" }

// Wrote looks for the tool in the configuration.
func (InToto) Wrote(r io.Reader) bool {
	var f inTotoFile
	return json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&f) == nil &&
		f.ours()
}

// ours says that the tool is this one.
func (f inTotoFile) ours() bool {
	return len(f.Predicate.Configuration) > 0 && f.Predicate.Configuration[0].Name == inTotoTool
}

// write writes a statement; what reads one to the letter holds it against this.
func (f inTotoFile) write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(f)
}

// Write writes the statement.
func (InToto) Write(w io.Writer, rec *verdicts.Record) error {
	sum := sha256.New()
	if err := (JSON{}).Write(sum, rec); err != nil {
		return err
	}
	return writeStatement(w, rec, []inTotoResource{{Name: inTotoSubject, Digest: map[string]string{"sha256": hex.EncodeToString(sum.Sum(nil))}}})
}

// writeStatement writes the statement about some files.
func writeStatement(w io.Writer, rec *verdicts.Record, subjects []inTotoResource) error {
	tests := map[string]string{}
	for r := range rec.Results.All() {
		check := word(r.Suite) + "/" + word(r.Check)
		if now := inTotoOf(r); inTotoWorse(now, tests[check]) {
			tests[check] = now
		}
	}
	if err := rec.Results.Err(); err != nil {
		return err
	}
	h := stamped(rec.Header)
	p := inTotoPredicate{Result: inTotoOfRun(rec.Summary), Passed: []string{}, Warned: []string{}, Failed: []string{}}
	p.Configuration = []inTotoResource{{Name: inTotoTool, Notes: map[string]string{
		"version": word(h.Version), "run": word(h.Run), "tenancy": word(h.Tenancy), "context": word(h.Context), "server": word(h.Server), "components": word(strings.Join(h.Components, ", ")), "failOn": word(h.FailOn),
	}}, {Name: "probe image", URI: word(h.Image)}}
	if h.File != nil {
		p.Configuration = append(p.Configuration, inTotoResource{Name: "tenancy file", URI: word(h.File.Path)})
	}
	for _, check := range slices.Sorted(maps.Keys(tests)) {
		switch tests[check] {
		case inTotoFailed:
			p.Failed = append(p.Failed, check)
		case inTotoWarned:
			p.Warned = append(p.Warned, check)
		case inTotoPassed:
			p.Passed = append(p.Passed, check)
		}
	}
	return inTotoFile{Type: inTotoStatement, PredicateType: inTotoTestResult, Predicate: p, Subject: subjects}.write(w)
}

// inTotoOf is what a result makes of its check; empty for one that was not tried.
func inTotoOf(r *verdicts.Result) string {
	switch {
	case r.Fails:
		return inTotoFailed
	case r.Verdict == verdicts.Skipped:
		return ""
	case r.Verdict == verdicts.Leak || r.Verdict == verdicts.Excepted || r.Verdict == verdicts.Inconclusive:
		return inTotoWarned
	}
	return inTotoPassed
}

// inTotoOrder are the results, the worst last.
var inTotoOrder = []string{"", inTotoPassed, inTotoWarned, inTotoFailed}

func inTotoWorse(a, b string) bool {
	return slices.Index(inTotoOrder, a) > slices.Index(inTotoOrder, b)
}

// inTotoOfRun goes by the exit code. A run without all its evidence, or one that
// was asked for a part only, has not passed.
func inTotoOfRun(s verdicts.Summary) string {
	switch {
	case s.Failures > 0 || s.Exit == verdicts.ExitFail:
		return inTotoFailed
	case s.Exit != verdicts.ExitPass || s.Partial:
		return inTotoWarned
	}
	return inTotoPassed
}
