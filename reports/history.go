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
	ways             map[way]*wayHistory
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
	h := &History{ways: map[way]*wayHistory{}}
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
	all = slices.CompactFunc(all, func(a, b found) bool { return a.Run != "" && a.Run == b.Run && a.Started.Equal(b.Started) })
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
		h.saw(way{r.From.Who(), columnOf(r, rec.Header.Shared).name, r.Suite}, r, k)
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
	h.end(n)
	now, err := verdicts.Remember(&rec.Record)
	return now, err
}

// wayHistory is one way that was found open in some night.
type wayHistory struct {
	way
	nights map[int]class   // the worst that it came to, of what needs attention
	open   map[string]bool // the attempts that got through, or were broken, and that nobody saw closed since
	closed []string        // of these, by the night that is being read
	since  int             // the night since which there is one of these; -1 where there is none
	last   int             // the last night in which one got through, or was broken
}

// saw takes in one result of the night that is being read. An attempt that was
// found open stays so until a later night has evidence that it is not, or
// somebody accepts it.
func (h *History) saw(w way, r *verdicts.Result, k class) {
	now, known := len(h.Nights), h.ways[w]
	found := k == classLeak || k == classBroken || k == classNoted
	switch {
	case known == nil && !found:
		return
	case known == nil:
		known = &wayHistory{way: w, nights: map[int]class{}, open: map[string]bool{}, since: -1}
		h.ways[w] = known
	}
	if worst, ok := known.nights[now]; k.attention() && (!ok || k < worst) {
		known.nights[now] = k
	}
	switch {
	case found:
		if len(known.open) == 0 {
			known.since = now
		}
		known.open[r.ID], known.last = true, now
	case k != classInconclusive && k != classSkipped && known.open[r.ID]:
		known.closed = append(known.closed, r.ID)
	}
}

// end takes what the night that was read saw closed out of what is open: only
// then, so that a way through which something else gets has not held meanwhile.
func (h *History) end(n Night) {
	for _, w := range h.ways {
		for _, id := range w.closed {
			delete(w.open, id)
		}
		w.closed = nil
	}
	h.Nights = append(h.Nights, n)
}

// notHeld lists the ways that were open in some night: those first that are so
// now, and of them those that have been so longest.
func (h *History) notHeld() []wayHistory {
	var all []wayHistory
	for _, w := range h.ways {
		one := *w
		if len(one.open) == 0 {
			one.since = -1
		}
		all = append(all, one)
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
