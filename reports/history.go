package reports

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// History is the runs of one tenancy on one context, the earliest first: what
// each came to, how it differs from the one before, and which ways  did not
// hold in which of them.
type History struct {
	Tenancy, Context string
	Nights           []Night
	Skipped          []string // files that are no records, and why
	ways             map[way]map[int]class
}

// Night is one run of a history.
type Night struct {
	Path    string
	Header  verdicts.Header
	Summary verdicts.Summary
	Results int
	// Since is what changed since the run before; nil for the first, and where
	// the two should not be held against each other.
	Since  *verdicts.DriftTotals
	counts [classCount]int
}

// way is who tries whom by which suite.
type way struct{ from, to, suite string }

// ReadHistory reads the records in a folder and those below it, each run once.
// An error names two that are of different things.
func ReadHistory(folder string) (*History, error) {
	h := &History{ways: map[way]map[int]class{}}
	paths, err := h.find(folder)
	if err != nil {
		return nil, err
	}
	var past *verdicts.Past
	for _, path := range paths {
		if past, err = h.add(path, past); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// find lists the records in the order of their runs' starts. Of a run that has
// both, its results are taken, and not its spool.
func (h *History) find(folder string) ([]string, error) {
	type found struct {
		path string
		verdicts.Header
	}
	var all []found
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || !entry.Type().IsRegular() || ext != ".json" && ext != spoolExt {
			return err
		}
		rec, err := Open(path)
		if err != nil {
			h.Skipped = append(h.Skipped, err.Error())
			return nil
		}
		defer rec.Close()
		all = append(all, found{path, rec.Header})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Run, b.Run), cmp.Compare(len(filepath.Ext(a.path)), len(filepath.Ext(b.path))))
	})
	all = slices.CompactFunc(all, func(a, b found) bool { return a.Run == b.Run && a.Started.Equal(b.Started) })
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no record of a run: %s", folder, strings.Join(append([]string{"keep the results.json of each in it"}, h.Skipped...), "; "))
	}
	paths := make([]string, len(all))
	for i, f := range all {
		if first := all[0]; f.Tenancy != first.Tenancy || f.Context != first.Context {
			return nil, fmt.Errorf("a history is of one tenancy on one context: %s is of %q on %q, and %s of %q on %q; give each a folder",
				first.path, first.Tenancy, first.Context, f.path, f.Tenancy, f.Context)
		}
		paths[i] = f.path
	}
	h.Tenancy, h.Context = all[0].Tenancy, all[0].Context
	return paths, nil
}

// add reads one run and holds it against the one before.
func (h *History) add(path string, past *verdicts.Past) (*verdicts.Past, error) {
	rec, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer rec.Close()
	n := Night{Path: path, Header: rec.Header, Summary: rec.Summary, Results: rec.Results.Len()}
	for r := range rec.Results.All() {
		k := classOf(r)
		n.counts[k]++
		if k.attention() || k == classExcepted {
			h.saw(way{r.From.Who(), columnOf(r, rec.Header.Shared).name, r.Suite}, k)
		}
	}
	if err := rec.Results.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if past != nil && len(verdicts.Apart(past.Header(), rec.Header)) == 0 {
		drift, err := past.Against(&rec.Record)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		n.Since = &drift.Totals
	}
	h.Nights = append(h.Nights, n)
	now, err := verdicts.Remember(&rec.Record)
	return now, err
}

// saw keeps the worst that a wall came to in the night that is being read.
func (h *History) saw(w way, k class) {
	nights := h.ways[w]
	if nights == nil {
		nights = map[int]class{}
		h.ways[w] = nights
	}
	if worst, ok := nights[len(h.Nights)]; !ok || k < worst {
		nights[len(h.Nights)] = k
	}
}

// wayHistory is one wall that did not hold in some night.
type wayHistory struct {
	way
	nights map[int]class
	since  int // the first night in which it did not hold of those since it last held, or was accepted; -1 where it does now
	last   int // the last night in which it did not hold
}

// notHeld lists the ways  that leaked or were broken in some night: those first
// that do so now, and of them those that have done so longest.
func (h *History) notHeld() []wayHistory {
	var all []wayHistory
	for w, nights := range h.ways {
		one := wayHistory{way: w, nights: nights, since: -1, last: -1}
		for i, n := range h.Nights {
			k, seen := nights[i]
			switch {
			case k == classInconclusive && seen || !seen && (n.Summary.Partial || n.Summary.Incomplete):
				// Nobody saw it closed.
			case !seen || k == classExcepted:
				one.since = -1
			case one.since < 0:
				one.since, one.last = i, i
			default:
				one.last = i
			}
		}
		if one.last >= 0 {
			all = append(all, one)
		}
	}
	open := func(w wayHistory) int {
		if w.since >= 0 {
			return w.since
		}
		return len(h.Nights)
	}
	slices.SortFunc(all, func(a, b wayHistory) int {
		return cmp.Or(cmp.Compare(open(a), open(b)), cmp.Compare(b.last, a.last),
			cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.suite, b.suite))
	})
	return all
}

func day(t time.Time) string {
	if t.IsZero() {
		return "(unknown)"
	}
	return t.UTC().Format("2006-01-02 15:04")
}
