package reports

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// How many attempts a page tells in full, and in how many bytes: results.json
// has all of them.
const (
	mostTold      = 1_500
	mostToldOfOne = 300 // cause
	mostGoodTold  = 300 // of what is as it should be
	fewTold       = 3   // of a cause, where there are very many of them
	mostToldBytes = 5 << 20
)

// attemptJSON is an attempt with all its evidence, in words.
type attemptJSON struct {
	Row       int         `json:"row"`
	Col       int         `json:"col"`
	Cause     int         `json:"cause"`
	Class     int         `json:"class"`
	ID        string      `json:"id"`
	Check     string      `json:"check"`
	How       string      `json:"how"`
	From      string      `json:"from"`
	To        string      `json:"to"`
	Expect    string      `json:"expect"`
	Grade     string      `json:"grade"`
	Severity  string      `json:"severity"`
	Why       string      `json:"why"`
	Exception string      `json:"exception,omitempty"`
	Behind    string      `json:"behind,omitempty"`
	Remedy    string      `json:"remedy,omitempty"`
	Rerun     string      `json:"rerun,omitempty"`
	Startup   bool        `json:"startup,omitempty"`
	Rounds    []roundJSON `json:"rounds"`
}

// roundJSON is what each side saw in one round, and how its controls ended.
type roundJSON struct {
	At      string `json:"at"`
	Source  string `json:"source"`
	Target  string `json:"target"`
	Control string `json:"control"`
	Way     string `json:"way,omitempty"` // the source's own control
}

// told is the attempts of a cause that are kept to be told in full, by pair.
type told struct {
	pairs [][2]int // in the order in which they come
	of    map[[2]int][]attemptJSON
	kept  int
	most  int // of one pair
}

// add keeps an attempt where there is room. Where there is none, the pair that
// has the most gives way to one that has fewer.
func (t *told) add(r *verdicts.Result, at [2]int, room int) {
	if t.kept >= room && !t.giveWay(len(t.of[at])) {
		return
	}
	if t.of == nil {
		t.of = map[[2]int][]attemptJSON{}
	}
	if t.of[at] == nil {
		t.pairs = append(t.pairs, at)
	}
	t.of[at] = append(t.of[at], tell(r, at))
	t.most = max(t.most, len(t.of[at]))
	t.kept++
}

// giveWay makes room for a pair that has so many, if that is fair.
func (t *told) giveWay(has int) bool {
	for ; t.most > has+1; t.most-- {
		for _, pair := range slices.Backward(t.pairs) {
			if n := len(t.of[pair]); n == t.most {
				t.of[pair] = t.of[pair][:n-1]
				t.kept--
				return true
			}
		}
	}
	return false
}

// cut leaves as many as there is room for in the end, and gives their number.
func (t *told) cut(room int) int {
	for t.kept > room && t.giveWay(-1) {
		continue
	}
	return t.kept
}

// all yields what is kept.
func (t *told) all() iter.Seq[attemptJSON] {
	return func(yield func(attemptJSON) bool) {
		for _, pair := range t.pairs {
			for _, a := range t.of[pair] {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// fairRoom is how many attempts of a cause are told beside so many others.
func fairRoom(causes int) int {
	return min(max(mostTold/max(causes, 1), fewTold), mostToldOfOne)
}

func tell(r *verdicts.Result, at [2]int) attemptJSON {
	a := attemptJSON{
		Row: at[0], Col: at[1], Class: int(classOf(r)), ID: line(r.ID), Check: word(r.Suite + "/" + r.Check), How: how(r),
		From: side(r.From), To: target(r), Expect: word(string(r.Expect)), Grade: orNone(word(string(r.Grade))), Severity: word(r.Severity),
		Why: line(r.Why), Behind: line(r.Cause), Remedy: line(r.Remedy), Rerun: line(r.Rerun), Startup: r.Startup, Rounds: []roundJSON{},
	}
	if r.Verdict == verdicts.Excepted {
		a.Exception = line(acceptance(r))
	}
	for i := range r.Evidence.Rounds {
		a.Rounds = append(a.Rounds, tellRound(&r.Evidence.Rounds[i], r))
	}
	return a
}

// how is the way that was tried.
func how(r *verdicts.Result) string {
	var parts []string
	if r.Address != "" {
		parts = append(parts, "by "+word(addressWords(r.Address)))
	}
	if r.Port != 0 {
		parts = append(parts, fmt.Sprintf("%s port %d", word(r.Protocol), r.Port))
	}
	if r.Placement != "" {
		parts = append(parts, word(strings.ReplaceAll(string(r.Placement), "-", " ")))
	}
	return strings.Join(parts, ", ")
}

func target(r *verdicts.Result) string {
	out := ""
	switch {
	case r.Service != "" && r.Outside != "":
		out = "Service " + word(r.Service) + " at " + word(r.Outside) + " of "
	case r.Service != "":
		out = "Service " + word(r.Service) + " of "
	case r.Outside != "":
		out = word(r.Outside) + ", "
	}
	if r.Out {
		return out + word(r.To.Tenant) + ", outside"
	}
	return out + side(r.To)
}

func tellRound(r *verdicts.Round, of *verdicts.Result) roundJSON {
	out := roundJSON{
		Source: fmt.Sprintf("%s after %.1f ms", orNone(word(string(r.Outcome))), r.MS),
		Target: plural(r.Receipts, "arrival") + " recorded",
		Control: fmt.Sprintf("%s before, %s during, %s after (%s)", orNone(word(string(r.Control.Before))),
			orNone(word(string(r.Control.During))), orNone(word(string(r.Control.After))), orNone(word(string(r.Control.Rung)))),
	}
	if !r.At.IsZero() {
		out.At = r.At.UTC().Format(time.RFC3339Nano)
	}
	if r.Phase != "" {
		out.Source += ", in phase " + word(string(r.Phase))
	}
	if r.Error != "" {
		out.Source += ": " + line(r.Error)
	}
	switch {
	case of.Address == suites.DryRun:
		out.Target = "none: the API server was asked, and created nothing"
	case of.Grade != verdicts.TwoSided && r.Receipts == 0:
		out.Target = "no witness there"
	}
	if r.Control.Error != "" {
		out.Control += ": " + line(r.Control.Error)
	}
	if r.Control.Address != "" {
		out.Control += ", by " + word(addressWords(r.Control.Address))
	}
	if r.Source != "" {
		out.Way = fmt.Sprintf("%s (%s)", word(string(r.Source)), orNone(word(string(r.SourceRung))))
	}
	return out
}
