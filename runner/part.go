package runner

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// part is a part of the plan, with the controls that its attempts rest on: as
// much as is held in memory at a time.
type part struct {
	*run
	number    int
	cells     []*cell
	controls  []*control
	nonces    []string    // of all its shots
	started   []time.Time // the attempts of each round
	lastRound time.Time
	cut       bool // the context ended before the last round had
	anew      bool // it tries again what another part has no evidence of
	// again is the part that tried anew what this one lacked evidence of, and
	// anewOf its cells by this one's.
	again  *part
	anewOf map[*cell]*cell
}

// Judge takes what a part of the plan came to: its attempts, in their order,
// and its controls. The cases are made one by one, each time that they are gone
// through, and only until the judge returns.
type Judge func(cases iter.Seq[verdicts.Case], controls []verdicts.Case)

// tryAll makes the attempts of all parts. While one waits for its second round,
// the next has its first, so that no more than two are held at a time.
func (r *run) tryAll(ctx context.Context, plan iter.Seq[[]suites.Attempt], deployed bool, again func()) {
	var waiting *part
	number := 0
	for attempts := range plan {
		number++
		p := r.bind(attempts, number, deployed)
		p.begin(ctx)
		if waiting != nil {
			waiting.finish(ctx)
			if waiting.number == 1 {
				again() // only the first is made within the first seconds of its pods
			}
			r.hand(waiting)
		}
		waiting = p
	}
	if waiting != nil {
		waiting.finish(ctx)
		again()
		r.hand(waiting)
	}
}

// remembered is the nonces of how many judged parts are kept, each of which
// took seconds: what comes later still is not told from a stranger's.
const remembered = 2

// hand gives a part to the judge, and forgets it.
func (r *run) hand(p *part) {
	r.judge(p.evidence())
	for _, nonce := range p.nonces {
		r.known[nonce] = &r.tooLate
	}
	if r.spent = append(r.spent, p.nonces); len(r.spent) <= remembered {
		return
	}
	for _, nonce := range r.spent[0] {
		delete(r.known, nonce)
	}
	r.spent = r.spent[1:]
}

// bind binds attempts, which are the part's from then on, to the probes that
// there are. Of a run that was interrupted before it had all of them, nothing is
// bound.
func (r *run) bind(attempts []suites.Attempt, number int, deployed bool) *part {
	p := &part{run: r, number: number, cells: make([]*cell, 0, len(attempts))}
	b := &binder{
		tenancy: r.tenancy, places: map[string]*place{}, byTenant: map[string][]*place{}, owners: map[string]string{},
		controls: map[controlKey]*control{}, nodes: r.nodes, api: r.api, outer: r.outer,
		witness: r.tenancy.Promises.Egress.Witness,
		crossing: func(from, to string, port tenancy.Port) bool {
			_, ok := r.tenancy.Crosses(from, to, port, time.Now())
			return ok
		},
	}
	for _, t := range r.tenancy.Tenants {
		for _, ns := range t.Namespaces {
			b.owners[ns] = t.Name
		}
	}
	for _, p := range r.places {
		b.places[p.where()] = p
		b.byTenant[p.tenant] = append(b.byTenant[p.tenant], p)
	}
	for i := range attempts {
		switch a := &attempts[i]; {
		case !deployed:
			p.cells = append(p.cells, &cell{attempt: a})
		case a.AsksAdmission():
			p.cells = append(p.cells, r.bindInquiry(a))
		default:
			p.cells = append(p.cells, b.bind(a))
		}
	}
	for _, c := range b.controls {
		p.controls = append(p.controls, c)
	}
	slices.SortFunc(p.controls, func(a, b *control) int { return strings.Compare(a.id(), b.id()) })
	return p
}

// begin makes the first round, and finish the others, apart in time, and all of
// them anew for what still lacks evidence. They return early where the context
// ends; what was not made then is missing from the cells.
func (p *part) begin(ctx context.Context) {
	if !p.idle() && ctx.Err() == nil {
		p.warmUp(ctx)
		p.nextRound(ctx)
	}
}

// idle says that there is nothing to try in a part.
func (p *part) idle() bool { return !slices.ContainsFunc(p.cells, (*cell).tried) }

func (p *part) finish(ctx context.Context) {
	p.rounds(ctx)
	p.tryAgain(ctx)
}

// rounds makes the rounds that are left.
func (p *part) rounds(ctx context.Context) {
	for range verdicts.Rounds - len(p.started) {
		if p.idle() || ctx.Err() != nil {
			break
		}
		p.opts.Progress.Phase(fmt.Sprintf("waiting %s before round %d%s", verdicts.MinGap, len(p.started)+1, p.name()))
		if !pause(ctx, time.Until(p.lastRound.Add(verdicts.MinGap))) {
			break
		}
		p.nextRound(ctx)
	}
	p.cut = ctx.Err() != nil
}

func (p *part) nextRound(ctx context.Context) {
	if ctx.Err() == nil {
		p.round(ctx, len(p.started)+1)
	}
}

// phase tells what a round of a part is at.
func (p *part) phase(round int, what string) {
	p.opts.Progress.Phase(fmt.Sprintf("round %d of %d%s: %s", round, verdicts.Rounds, p.name(), what))
}

// name is empty for the first part, which may be the only one.
func (p *part) name() string {
	name := ""
	if p.number > 1 {
		name = fmt.Sprintf(", part %d", p.number)
	}
	if p.anew {
		name += ", anew"
	}
	return name
}

// evidence puts the cells and controls into the judge's words.
func (p *part) evidence() (cases iter.Seq[verdicts.Case], controls []verdicts.Case) {
	ways, anew := p.waysOut(), waysOut{}
	if p.again != nil {
		anew = p.again.waysOut()
	}
	cases = func(yield func(verdicts.Case) bool) {
		for _, c := range p.cells {
			if !yield(p.best(c, ways, anew)) {
				return
			}
		}
	}
	controls = p.proof()
	if p.again != nil {
		controls = append(controls, p.again.proof()...)
	}
	return cases, controls
}

// proof is the controls that show whether the run could see a leak.
func (p *part) proof() []verdicts.Case {
	var proof []verdicts.Case
	for _, c := range p.controls {
		if c.witnessed() && !c.spare {
			proof = append(proof, c.asCase(p.started))
		}
	}
	return proof
}

// witnessed says that a control is one of which a target of ours has to have
// the receipt.
func (c *control) witnessed() bool {
	return c.target != nil && !slices.Contains([]probes.Do{probes.DoListener, probes.DoDNS, probes.DoICMP, probes.DoHead}, c.do)
}

func (p *part) caseOf(c *cell, ways waysOut) verdicts.Case {
	a := *c.attempt
	k := verdicts.Case{
		Attempt: a, Problem: c.problem, Unsettled: p.unsettledBetween(a.From.Namespace, a.To.Namespace),
		From: verdicts.Side{Tenant: a.From.Tenant, Namespace: a.From.Namespace, Workload: a.From.Workload},
		To:   verdicts.Side{Tenant: a.To.Tenant, Namespace: a.To.Namespace, Workload: a.To.Workload},
	}
	if c.source != nil {
		k.From = c.source.side()
		k.Rounds = c.seen(p.started, ways)
	}
	if c.inquiry != nil {
		k.Rounds = c.inquiry.rounds
	}
	if c.target != nil && !a.Out {
		k.To = c.target.side()
	}
	k.Cause = func() string { return p.causeOf(c) }
	if p.opts.Rerun != nil {
		k.Rerun = p.opts.Rerun(a.ID())
		if p.opts.Keep && len(c.shots) > 0 {
			k.Rerun += "\n" + c.source.execLine(p.cluster.Context, c.shots[0].order)
		}
	}
	k.Interrupted = p.cut && len(k.Rounds) == 0 && c.problem == ""
	return k
}
