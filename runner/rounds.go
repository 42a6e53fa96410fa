package runner

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

const (
	// quiet is how long after the last attempt receipts are still awaited.
	quiet = time.Second
	// warmUps bounds how often controls are tried before the first round, so
	// that Services, names and policies of pods that have just started are in
	// place.
	warmUps        = 10
	warmUpDeadline = 2 * time.Second
)

// rounds makes every attempt twice, apart in time, each bracketed by its
// controls. It returns early where the context ends; what was not made then is
// missing from the cells.
func (r *run) rounds(ctx context.Context) {
	r.warmUp(ctx)
	for round := 1; round <= verdicts.Rounds && ctx.Err() == nil; round++ {
		if round > 1 {
			r.opts.Progress.Phase(fmt.Sprintf("waiting %s before round %d", verdicts.MinGap, round))
			if !pause(ctx, time.Until(r.lastRound.Add(verdicts.MinGap))) {
				return
			}
		}
		r.round(ctx, round)
	}
}

// pause waits for a time to pass, where there is nothing to watch; it says
// whether the context let it.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// warmUp tries the controls until each was answered once, or stops trying. It
// judges nothing: a control that never answers shows in the rounds. Its round
// trips lengthen the deadline of what follows. A try takes its time also where
// all fail at once, as they do by a name that the resolver does not know yet.
func (r *run) warmUp(ctx context.Context) {
	r.opts.Progress.Phase("waiting for the controls to answer")
	pending := r.controls
	var last time.Time
	for try := 0; try < warmUps && len(pending) > 0; try++ {
		if !pause(ctx, time.Until(last.Add(warmUpDeadline))) {
			return
		}
		last = time.Now()
		shots := make([]*shot, len(pending))
		for i, c := range pending {
			shots[i] = r.controlShot(c, 0, warmUpDeadline)
		}
		r.fire(ctx, shots)
		var still []*control
		for i, c := range pending {
			if shots[i].outcome != probes.Reached {
				still = append(still, c)
			} else if o := shots[i].observation; o.ConnectMS > r.slowest {
				r.slowest = o.ConnectMS
			}
		}
		pending = still
	}
}

// deadline is the least that the options ask for, with room for the slowest
// round trip that the warm-up saw.
func (r *run) deadline() time.Duration {
	return r.opts.Deadline + time.Duration(4*r.slowest*float64(time.Millisecond))
}

// round is the controls, the attempts, the controls again, and what the
// targets received meanwhile.
func (r *run) round(ctx context.Context, round int) {
	since := r.collect(ctx)
	r.opts.Progress.Phase(fmt.Sprintf("round %d of %d: controls before", round, verdicts.Rounds))
	all := r.fireControls(ctx, round, func(c *control, s *shot) { c.before = append(c.before, s) })
	r.opts.Progress.Phase(fmt.Sprintf("round %d of %d: %d attempts", round, verdicts.Rounds, len(r.cells)))
	r.started = append(r.started, time.Now())
	shots := r.fireCells(ctx, round)
	all = append(all, shots...)
	r.lastRound = time.Now()
	r.opts.Progress.Phase(fmt.Sprintf("round %d of %d: controls after", round, verdicts.Rounds))
	all = append(all, r.fireControls(ctx, round, func(c *control, s *shot) { c.after = append(c.after, s) })...)
	pause(ctx, quiet)
	r.opts.Progress.Phase(fmt.Sprintf("round %d of %d: receipts", round, verdicts.Rounds))
	r.settle(all, since, r.collect(ctx))
}

func (r *run) fireCells(ctx context.Context, round int) []*shot {
	var shots []*shot
	for _, c := range r.cells {
		if c.source == nil || c.problem != "" || c.attempt.Skip != "" {
			continue
		}
		s, draws := r.cellShot(c, c.source, round), r.draws(c, round)
		c.shots, c.draws = append(c.shots, s), append(c.draws, draws)
		shots = append(append(shots, s), draws...)
	}
	r.fire(ctx, shots)
	return shots
}

func (r *run) fireControls(ctx context.Context, round int, keep func(*control, *shot)) []*shot {
	shots := make([]*shot, len(r.controls))
	for i, c := range r.controls {
		shots[i] = r.controlShot(c, round, r.deadline())
		keep(c, shots[i])
	}
	r.fire(ctx, shots)
	return shots
}

// serviceDraws are the connections to a real Service in a round. Each leads to
// one of its endpoints, by chance and by the node that it comes from, and one
// endpoint that is open is a way in.
const serviceDraws = 16

// draws are the further shots of a cell at a real Service, from both nodes.
func (r *run) draws(c *cell, round int) []*shot {
	if c.attempt.Service == "" || c.attempt.Expect == suites.Allowed {
		return nil
	}
	var draws []*shot
	for i := 1; i < serviceDraws; i++ {
		source := c.source
		if other := source.place.pods[slotTarget1]; i%2 == 1 && other != nil {
			source = other
		}
		draws = append(draws, r.cellShot(c, source, round))
	}
	return draws
}

// decisive is the shot of a round that says most: one that got through, or
// else one that failed by itself.
func (c *cell) decisive(round int) *shot {
	best := c.shots[round]
	if round >= len(c.draws) {
		return best
	}
	for _, s := range c.draws[round] {
		if s.outcome == probes.Reached {
			return s
		}
		if s.observation == nil || s.outcome == probes.Error {
			best = s
		}
	}
	return best
}

func (r *run) cellShot(c *cell, source *pod, round int) *shot {
	a := c.attempt
	s := &shot{source: source, proto: a.Port.Protocol, port: a.Port.Number}
	s.order = probes.Order{
		Do: a.Do, ID: a.ID(), Round: round, Port: a.Port.Number, Deadline: probes.Duration(r.deadline()), Host: a.ServiceHost(),
	}
	if a.Out {
		aimOutside(s, c)
	}
	r.aim(s, c.target, a.Address, a.Lookup)
	return s
}

// aim gives a shot its nonce, and what is known of its target. What is asked
// of a resolver never arrives at the target that it is about.
func (r *run) aim(s *shot, target *pod, address suites.Address, lookup suites.Lookup) {
	s.order.Nonce = probes.NewNonce()
	switch {
	case target == nil:
	case lookup != suites.Lookup{}:
		s.order.Host, s.order.Type, s.order.Over = target.lookupName(lookup), lookup.Type, lookup.Over
	default:
		s.target = target
		s.order.Host = target.host(address)
		s.order.Token = target.key.Token(s.order.Nonce)
	}
	r.known[s.order.Nonce] = s
}

func (r *run) controlShot(c *control, round int, deadline time.Duration) *shot {
	s := &shot{source: c.source, proto: c.port.Protocol, port: c.port.Number}
	s.order = probes.Order{
		Do: c.do, ID: c.id(), Round: round, Port: c.port.Number, Deadline: probes.Duration(deadline), Host: c.service, Proto: c.proto,
	}
	r.aim(s, c.target, c.address, c.lookup)
	return s
}

// id names a control, for the probe's and the reader's eyes.
func (c *control) id() string {
	to := c.service
	if c.target != nil {
		to = c.target.place.namespace + "/" + slotNames[c.target.slot]
	}
	return fmt.Sprintf("control/%s%s/%s/%s->%s/%s:%d", c.proto, c.lookup.Of, c.source.place.namespace, slotNames[c.source.slot],
		to, c.address, c.port.Number)
}

// fire sends shots from all their sources at once and classifies what comes
// back. What failed by itself, as where a question to the DNS was lost, is sent
// once more: that is no evidence of anything, so that no answer is preferred to
// another by it. Arrivals of both orders count as the shot's.
func (r *run) fire(ctx context.Context, shots []*shot) {
	r.fireOnce(ctx, shots)
	var failed []*shot
	for _, s := range shots {
		if s.outcome == probes.Error {
			r.renew(s)
			failed = append(failed, s)
		}
	}
	r.fireOnce(ctx, failed)
	r.spool(shots)
}

// renew gives a shot a fresh nonce, and forgets neither the old one nor the
// socket that went with it.
func (r *run) renew(s *shot) {
	s.order.Nonce = probes.NewNonce()
	if s.target != nil {
		s.order.Token = s.target.key.Token(s.order.Nonce)
	}
	r.known[s.order.Nonce] = s
	s.earlier = s.localAddress()
	s.observation, s.outcome = nil, ""
}

func (r *run) fireOnce(ctx context.Context, shots []*shot) {
	bySource := map[*pod][]*shot{}
	for _, s := range shots {
		bySource[s.source] = append(bySource[s.source], s)
	}
	var wg sync.WaitGroup
	for source, own := range bySource {
		wg.Go(func() { r.fireFrom(ctx, source, own) })
	}
	wg.Wait()
}

func (r *run) fireFrom(ctx context.Context, source *pod, shots []*shot) {
	orders := make([]probes.Order, len(shots))
	longest := time.Duration(0)
	for i, s := range shots {
		orders[i] = s.order
		longest = max(longest, time.Duration(s.order.Deadline))
	}
	got, err := source.session.attempt(ctx, orders, longest)
	for _, s := range shots {
		s.at = time.Now()
		s.observation = got[s.order.Nonce]
		if s.observation == nil {
			s.fault = fmt.Sprintf("%v", err)
			continue
		}
		s.outcome = probes.Classify(*s.observation, r.authenticate(s))
		if s.order.Server != "" && s.observation.RCode != "" {
			s.outcome = probes.Reached // a server outside answered, whatever it said
		}
	}
}

// collect asks every target for the receipts that it has not handed over yet.
func (r *run) collect(ctx context.Context) map[*pod]collection {
	var mu sync.Mutex
	var wg sync.WaitGroup
	collected := map[*pod]collection{}
	for _, p := range r.places {
		for _, q := range p.pods {
			if q == nil || !q.target() || p.problem != "" {
				continue
			}
			wg.Go(func() {
				c := r.collectFrom(ctx, q)
				mu.Lock()
				defer mu.Unlock()
				collected[q] = c
			})
		}
	}
	wg.Wait()
	return collected
}

// collectFrom reads on where the last reading ended, so that no receipt is
// read twice and none is skipped.
func (r *run) collectFrom(ctx context.Context, q *pod) collection {
	got, err := q.session.receipts(ctx, q.read)
	if err != nil {
		return collection{fault: fmt.Sprintf("the target could not be asked for them: %v", err)}
	}
	c := collection{receipts: r.opts.receipts(got.Receipts), lost: got.Lost, gap: !gapless(got, q.read)}
	if got.Boot != q.boot {
		c.fault = "the target restarted since it got its key"
	}
	q.read = got.Last
	return c
}

// gapless says that receipts are all of those after a sequence number.
func gapless(got probes.Receipts, after uint64) bool {
	for i, r := range got.Receipts {
		if r.Seq != after+uint64(i)+1 {
			return false
		}
	}
	return got.Last == after+uint64(len(got.Receipts))
}

// settle writes what the targets received in a round into its shots. What they
// had received before the round may still be a late arrival of an earlier one,
// and is that where its nonce says so.
func (r *run) settle(shots []*shot, before, during map[*pod]collection) {
	byTarget := map[*pod][]*shot{}
	for _, s := range shots {
		if s.target != nil {
			byTarget[s.target] = append(byTarget[s.target], s)
		}
	}
	a := &attribution{nodes: r.nodes, pods: r.podsByIP(), known: r.known}
	for target, got := range before {
		a.settleNonces(target, got.receipts)
	}
	for target, got := range during {
		a.settle(target, byTarget[target], got.since(before[target]))
	}
}

// seen gathers what the rounds showed of a cell.
func (c *cell) seen(started []time.Time, ways waysOut) []verdicts.Seen {
	var all []verdicts.Seen
	for i := range c.shots {
		s := c.decisive(i)
		one := verdicts.Seen{
			At: started[i], Draws: 1, Outcome: s.outcome, Observation: s.observation, Fault: s.fault,
			Arrivals: s.arrivals, Source: ways[c.source][i], Control: verdicts.Control{Rung: verdicts.RungNone},
		}
		if i < len(c.draws) {
			one.Draws += len(c.draws[i])
		}
		one.PodAge = c.source.age(s.at)
		if c.target != nil {
			one.PodAge = min(one.PodAge, c.target.age(s.at))
		}
		one.Control, one.Arrivals.Proven = c.bestControl(i)
		all = append(all, one)
	}
	return all
}

// age is how old a pod was at a time of the runner's clock: by the cluster's
// clock, or by the runner's own, which makes it older. The two may differ.
func (q *pod) age(at time.Time) time.Duration {
	return max(at.Sub(q.started), at.Sub(q.adopted))
}

// bestControl is the strongest rung that was reached before and after, or else
// the strongest there is; and whether the target's receipts show it.
func (c *cell) bestControl(round int) (verdicts.Control, bool) {
	best, proven := verdicts.Control{Rung: verdicts.RungNone}, false
	for i, rung := range c.controls {
		before, after := rung.control.before[round], rung.control.after[round]
		if i > 0 && (before.outcome != probes.Reached || after.outcome != probes.Reached || !rung.mayStandIn(round)) {
			continue
		}
		best = verdicts.Control{Before: before.outcome, After: after.outcome, Rung: rung.kind}
		if rung.standsFor != nil {
			best.Address = rung.control.address
		}
		proven = before.arrivals.Proven && after.arrivals.Proven
		if before.outcome == probes.Reached && after.outcome == probes.Reached {
			break
		}
	}
	return best, proven
}

// mayStandIn says that the control that this one stands for, if any, failed by
// its resolver's silence alone.
func (r rung) mayStandIn(round int) bool {
	if r.standsFor == nil {
		return true
	}
	for _, s := range []*shot{r.standsFor.before[round], r.standsFor.after[round]} {
		if s.outcome != probes.Reached && !verdicts.Unanswered(s.outcome, s.observation) {
			return false
		}
	}
	return true
}

// cases of the controls, judged to prove the run's sensitivity.
func (c *control) asCase(started []time.Time) verdicts.Case {
	k := verdicts.Case{From: c.source.side(), To: c.target.side(), Attempt: suites.Attempt{
		Suite: "control", Check: string(c.do), Expect: suites.Denied, Port: c.port, Address: c.address,
	}}
	for i := range min(len(started), len(c.before)) {
		s := c.before[i]
		k.Rounds = append(k.Rounds, verdicts.Seen{
			At: started[i], Outcome: s.outcome, Observation: s.observation, Fault: s.fault, Arrivals: s.arrivals,
		})
	}
	return k
}
