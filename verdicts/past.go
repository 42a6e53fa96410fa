package verdicts

import (
	"fmt"
	"slices"

	"github.com/partywall/partywall/suites"
)

// Past is an earlier run as far as later ones are held against it: of each
// attempt its id, its two ends and how it ended. It takes about 300 bytes an
// attempt, whatever its evidence is.
type Past struct {
	record  *Record // without its results
	results map[string]past
	words   *lexicon
}

// past is one attempt. What it points to is shared with others.
type past struct {
	kind     *kind
	from, to *Side
	state    *State
	seen     bool // in the later run too
}

// kind is what many attempts have in common.
type kind struct {
	suite, check string
	placement    suites.Placement
}

// lexicon holds each thing once, however often it comes.
type lexicon struct {
	kinds  map[kind]*kind
	places map[Side]*Side
	states map[State]*State
	texts  map[string]string
}

func newLexicon() *lexicon {
	return &lexicon{kinds: map[kind]*kind{}, places: map[Side]*Side{}, states: map[State]*State{}, texts: map[string]string{}}
}

func (l *lexicon) past(r *Result) past {
	return past{
		kind: once(l.kinds, kind{r.Suite, r.Check, r.Placement}),
		from: l.place(r.From), to: l.place(r.To), state: l.state(r),
	}
}

// place is a side without the pod and the node, which are others every night.
func (l *lexicon) place(s Side) *Side {
	return once(l.places, Side{Tenant: s.Tenant, Namespace: s.Namespace, Workload: s.Workload})
}

func (l *lexicon) state(r *Result) *State { return once(l.states, stateOf(r)) }

func (l *lexicon) text(s string) string {
	if known, ok := l.texts[s]; ok {
		return known
	}
	l.texts[s] = s
	return s
}

func once[T comparable](known map[T]*T, value T) *T {
	if known[value] == nil {
		known[value] = &value
	}
	return known[value]
}

// Remember reads a run that later ones will be held against.
func Remember(rec *Record) (*Past, error) {
	p := &Past{
		record:  &Record{Header: rec.Header, Summary: rec.Summary},
		results: make(map[string]past, rec.Results.Len()), words: newLexicon(),
	}
	for r := range rec.Results.All() {
		if _, twice := p.results[r.ID]; twice {
			return nil, fmt.Errorf("run %s: the result %s is there twice; no run writes that", rec.Header.Run, r.ID)
		}
		p.results[r.ID] = p.words.past(r)
	}
	return p, rec.Results.Err()
}

// Header is that of the run.
func (p *Past) Header() Header { return p.record.Header }

// Against holds a later run against this one, once.
func (p *Past) Against(now *Record) (*Drift, error) {
	d := &Drift{
		Old: p.record.Header, New: now.Header,
		Apart: Apart(p.record.Header, now.Header), Notes: beforehand(p.record, now),
		Totals: DriftTotals{Kinds: map[ChangeKind]int{}, Incomplete: now.Summary.Incomplete},
	}
	for r := range now.Results.All() {
		was := p.results[r.ID]
		if was.seen {
			return nil, fmt.Errorf("run %s: the result %s is there twice; no run writes that", now.Header.Run, r.ID)
		}
		d.meet(r, was.state, p.words)
		was.seen = true
		p.results[r.ID] = was
	}
	if err := now.Results.Err(); err != nil {
		return nil, err
	}
	if err := p.missing(d, now); err != nil {
		return nil, err
	}
	sorted(d.Changes)
	return d, nil
}

// meet adds what became of one attempt that has a result now.
func (d *Drift) meet(r *Result, before *State, words *lexicon) {
	now := words.state(r)
	if !now.evidence() && now.Verdict != Skipped {
		d.Totals.Inconclusive++
	}
	if now.Fails && now.known(before) {
		d.Totals.Known++
	}
	if before != nil && now.same(*before) {
		d.Totals.Same++
		return
	}
	c := Change{
		ID: r.ID, Suite: words.text(r.Suite), Check: words.text(r.Check), From: words.text(r.From.Who()), To: words.text(r.To.Who()),
		Old: before, New: now, Why: words.text(r.Why), Remedy: words.text(r.Remedy), Rerun: r.Rerun,
	}
	c.Kind, c.Regression = kindOf(before, now)
	d.add(c)
}

func (d *Drift) add(c Change) {
	d.Changes = append(d.Changes, c)
	d.Totals.Kinds[c.Kind]++
	if c.Regression {
		d.Totals.Regressions++
	}
}

// missing adds what has no result any more, apart from what the later run's
// flags left out.
func (p *Past) missing(d *Drift, now *Record) error {
	selection, err := suites.SelectionOf(now.Header.Filters)
	if err != nil {
		return fmt.Errorf("run %s: %w", now.Header.Run, err)
	}
	tenants := tenantsOf(p.record.Header, now.Header)
	for id, was := range p.results {
		if was.seen {
			continue
		}
		if selection.MayLeaveOut(id, was.planned()) {
			d.Totals.LeftOut++
			continue
		}
		c := Change{
			ID: id, Suite: was.kind.suite, Check: was.kind.check, From: p.words.text(was.from.Who()), To: p.words.text(was.to.Who()),
			Old: was.state, Why: p.words.text(was.gone(tenants, now.Summary)),
		}
		c.Kind, c.Regression = kindOf(was.state, nil)
		d.add(c)
	}
	return nil
}

// planned is the attempt as far as flags ask for it.
func (p past) planned() suites.Attempt {
	return suites.Attempt{
		Suite: p.kind.suite, Check: p.kind.check, Placement: p.kind.placement,
		From: suites.Place{Tenant: p.from.Tenant}, To: suites.Place{Tenant: p.to.Tenant},
	}
}

// tenants are those of two runs, by name.
type tenants struct{ before, now map[string]TenantRow }

func tenantsOf(before, now Header) tenants {
	t := tenants{map[string]TenantRow{}, map[string]TenantRow{}}
	for _, row := range before.Tenants {
		t.before[row.Name] = row
	}
	for _, row := range now.Tenants {
		t.now[row.Name] = row
	}
	return t
}

// gone says why there is no result, as far as the headers tell.
func (p past) gone(t tenants, now Summary) string {
	for _, side := range []*Side{p.from, p.to} {
		before, ours := t.before[side.Tenant]
		if !ours {
			continue // something shared, or outside
		}
		after, still := t.now[side.Tenant]
		switch {
		case !still:
			return "the later run has no tenant " + side.Tenant
		case slices.Contains(before.Namespaces, side.Namespace) && !slices.Contains(after.Namespaces, side.Namespace):
			return fmt.Sprintf("in the later run %s has no namespace %s", side.Tenant, side.Namespace)
		}
	}
	if now.Incomplete {
		return "the later run has no result of it, and is incomplete: " + unfinishedWhy(now)
	}
	return "the later run has no result of it: it was not in its plan"
}
