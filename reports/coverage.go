package reports

import (
	"slices"

	"github.com/partywall/partywall/verdicts"
)

// coverage is what was tried and what was not, and why.
type coverage struct {
	Rows     []coverRow  // a class each
	Suites   []suiteRow  // how each suite's attempts ended
	Reasons  []reasonRow // of what is inconclusive or skipped
	MoreOf   int         // reasons that are not listed
	NoResult int         // of what was planned
	NotRun   []string
	MoreRun  int // sentences that are not listed
	Notes    []string
	MoreNote int
}

type coverRow struct {
	classView
	Count int
}

type suiteRow struct {
	Name   string
	Counts []int // by class
	Total  int
}

// reasonRow is why so many attempts say nothing.
type reasonRow struct {
	classView
	Count int
	Suite string
	Why   string
}

func cover(rec *verdicts.Record, h *heat, c *causes) coverage {
	var out coverage
	for k := range classes {
		out.Rows = append(out.Rows, coverRow{classView: viewOfClass(class(k))})
	}
	for _, s := range h.suites {
		out.Suites = append(out.Suites, suiteRow{Name: word(s), Counts: make([]int, classCount)})
	}
	for _, cell := range h.cells {
		for _, s := range cell {
			for k, n := range s.counts {
				out.Rows[k].Count += int(n)
				out.Suites[s.suite].Counts[k] += int(n)
				out.Suites[s.suite].Total += int(n)
			}
		}
	}
	out.reasons(c)
	out.NoResult = max(rec.Header.Planned-rec.Results.Len(), 0)
	out.NotRun, out.MoreRun = some(rec.Summary.NotRun)
	out.Notes, out.MoreNote = some(rec.Summary.Notes)
	return out
}

// reasons lists why attempts say nothing, the most frequent first.
func (out *coverage) reasons(c *causes) {
	var silent []*cause
	for _, known := range c.list {
		if k := known.key.class; k == classInconclusive || k == classSkipped {
			silent = append(silent, known)
		}
	}
	slices.SortStableFunc(silent, func(a, b *cause) int { return b.count - a.count })
	shown := silent[:min(len(silent), mostListed)]
	for _, known := range shown {
		out.Reasons = append(out.Reasons, reasonRow{viewOfClass(known.key.class), known.count, word(known.key.suite), line(known.first.Why)})
	}
	out.MoreOf = len(silent) - len(shown)
}

// some lists the first sentences, and counts the others.
func some(sentences []string) ([]string, int) {
	shown := sentences[:min(len(sentences), mostListed)]
	return lines(shown), len(sentences) - len(shown)
}

func viewOfClass(k class) classView {
	c := classes[k]
	return classView{classKeys[k], c.symbol, c.word, inFull[k]}
}
