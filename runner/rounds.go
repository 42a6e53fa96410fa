package runner

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
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
	// rareWarmUps bounds it for what many a network carries for nobody.
	rareWarmUps = 3
	// nameWarmUps bounds it for the names of the run's own Services: they are
	// there, and a resolver that says otherwise has not heard of them yet.
	nameWarmUps = 30
)

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
func (p *part) warmUp(ctx context.Context) {
	p.opts.Progress.Phase("waiting for the controls to answer")
	pending := p.controls
	var last time.Time
	for try := 1; try <= nameWarmUps && slices.ContainsFunc(pending, func(c *control) bool { return !c.spare || try == 1 }); try++ {
		if !pause(ctx, time.Until(last.Add(warmUpDeadline))) {
			return
		}
		last = time.Now()
		shots := make([]*shot, len(pending))
		for i, c := range pending {
			shots[i] = p.controlShot(c, 0, warmUpDeadline)
		}
		p.fire(ctx, shots)
		var still []*control
		for i, c := range pending {
			if o := shots[i].observation; shots[i].outcome == probes.Reached {
				p.slowest = max(p.slowest, o.ConnectMS)
				c.answered = true
			} else if try < c.warmUps() || c.unheardOf(shots[i]) {
				still = append(still, c)
			}
		}
		pending = still
	}
}

// warmUps is for how many tries a control is worth waiting for. Many a tenant's
// pods answer no echo to anybody, many a network knows no SCTP, and some ports
// of proxies are for their own pod alone; what a pod needs to answer one it needs
// for its other controls too.
func (c *control) warmUps() int {
	if c.do == probes.DoICMP || c.do == probes.DoSCTP || c.target != nil && c.do == probes.DoHead {
		return rareWarmUps
	}
	return warmUps
}

// unheardOf says that the resolver denied the name of one of the run's own
// Services. Other names it may well not serve at all.
func (c *control) unheardOf(s *shot) bool {
	return s.outcome == probes.Unresolved && (c.do != probes.DoDNS || c.lookup.Of == suites.ServiceRecord)
}

// deadline is the least that the options ask for, with room for the slowest
// round trip that the warm-up saw.
func (r *run) deadline() time.Duration {
	return r.opts.Deadline + time.Duration(4*r.slowest*float64(time.Millisecond))
}

// round is the controls, the attempts and the controls among them, the controls
// again, what the targets received meanwhile, and what admission is asked, which
// goes past all of them.
func (p *part) round(ctx context.Context, round int) {
	targets := p.targets()
	since := p.collect(ctx, targets)
	p.phase(round, "controls before")
	all := p.fireControls(ctx, round, func(c *control, s *shot) { c.before = append(c.before, s) })
	p.phase(round, fmt.Sprintf("%d attempts", len(p.cells)))
	p.started = append(p.started, time.Now())
	all = append(all, p.fireCells(ctx, round)...)
	p.lastRound = time.Now()
	p.phase(round, "controls after")
	all = append(all, p.fireControls(ctx, round, func(c *control, s *shot) { c.after = append(c.after, s) })...)
	pause(ctx, quiet)
	p.phase(round, "receipts")
	p.settle(all, since, p.collect(ctx, targets))
	p.inquireAll(ctx, round)
}

// targets are the pods that the part's attempts or controls are on.
func (p *part) targets() map[*pod]bool {
	targets := map[*pod]bool{}
	for _, c := range p.cells {
		targets[c.target] = true
	}
	for _, c := range p.controls {
		targets[c.target] = true
	}
	return targets
}

// fireCells makes the attempts, and each control twice among them by lot: what
// keeps an attempt from arriving only while there are so many, as a table that
// is full, or a cable that is out just then, keeps a control too. One of a
// control's two may be lost by chance.
func (p *part) fireCells(ctx context.Context, round int) []*shot {
	shots := p.controlShots(round, func(c *control, s *shot) { c.during = append(c.during, s) })
	again := p.controlShots(round, func(*control, *shot) {})
	shots = append(shots, again...)
	for _, c := range p.cells {
		if !c.tried() || c.inquiry != nil {
			continue
		}
		s, draws := p.cellShot(c, c.source, round), p.draws(c, round)
		c.shots, c.draws = append(c.shots, s), append(c.draws, draws)
		shots = append(append(shots, s), draws...)
	}
	lot := rand.New(rand.NewPCG(uint64(round), 0))
	lot.Shuffle(len(shots), func(i, j int) { shots[i], shots[j] = shots[j], shots[i] })
	p.fire(ctx, shots)
	p.insist(ctx)
	for i, c := range p.controls {
		if last := len(c.during) - 1; c.during[last].outcome != probes.Reached && again[i].outcome == probes.Reached {
			c.during[last] = again[i]
		}
	}
	return shots
}

// insist tries what a crossing allows until it works, as often as a control: a
// wall stops every try of it, and what is lost by chance is no wall. What anybody
// answered was not lost. Only the first try shows what its source could reach
// while all attempts were made.
func (p *part) insist(ctx context.Context) {
	for _, c := range p.cells {
		if c.attempt.Expect == suites.Allowed && len(c.shots) > 0 {
			first := *c.shots[len(c.shots)-1]
			c.among = append(c.among, &first)
		}
	}
	for try := 1; try < controlTries && ctx.Err() == nil; try++ {
		var lost []*shot
		for _, c := range p.cells {
			if c.attempt.Expect != suites.Allowed || len(c.shots) == 0 {
				continue
			}
			if s := c.shots[len(c.shots)-1]; s.observation != nil && s.outcome == probes.Dropped {
				p.renew(s)
				lost = append(lost, s)
			}
		}
		p.fire(ctx, lost)
	}
}

// controlTries is how often a control is tried before or after the attempts. On
// a cluster that is short of time one in a few hundred is lost, and would take
// the evidence of all that rest on it with it.
const controlTries = 3

// fireControls tries the controls until they are answered, as far as they ever
// were: what counts is that the target is there, and not how often it is asked.
func (p *part) fireControls(ctx context.Context, round int, keep func(*control, *shot)) []*shot {
	shots := p.controlShots(round, keep)
	lost := shots
	for try := 0; try < controlTries && len(lost) > 0 && ctx.Err() == nil; try++ {
		if try > 0 {
			for _, s := range lost {
				p.renew(s)
			}
		}
		p.fire(ctx, lost)
		lost = nil
		for i, c := range p.controls {
			// A source that says nothing was asked often enough.
			if s := shots[i]; c.answered && s.observation != nil && s.outcome != probes.Reached {
				lost = append(lost, s)
			}
		}
	}
	return shots
}

func (p *part) controlShots(round int, keep func(*control, *shot)) []*shot {
	shots := make([]*shot, len(p.controls))
	for i, c := range p.controls {
		shots[i] = p.controlShot(c, round, p.deadline())
		keep(c, shots[i])
	}
	return shots
}

// serviceDraws are the connections to a real Service in a round. Each leads to
// one of its endpoints, by chance and by the node that it comes from, and one
// endpoint that is open is a way in.
const serviceDraws = 16

// draws are the further shots of a cell: of a sweep, or at a real Service from
// both nodes.
func (p *part) draws(c *cell, round int) []*shot {
	if c.sweep != nil {
		return p.sweepDraws(c, round)
	}
	if c.attempt.Service == "" || c.attempt.Expect == suites.Allowed {
		return nil
	}
	var draws []*shot
	for i := 1; i < serviceDraws; i++ {
		source := c.source
		if other := source.place.pods[slotTarget1]; i%2 == 1 && other != nil {
			if _, ok := p.nodes.serviceHost(c.attempt, other); ok {
				source = other
			}
		}
		draws = append(draws, p.cellShot(c, source, round))
	}
	return draws
}

// decisive is the shot of a round that says most: one that got through, or
// else one that failed by itself.
func (c *cell) decisive(round int) *shot {
	best := c.shots[round]
	if c.sweep != nil {
		return decisiveOfSweep(c.asked(round))
	}
	if round >= len(c.draws) {
		return best
	}
	for _, s := range c.draws[round] {
		switch {
		case s.outcome == probes.Reached:
			return s
		case best.observation == nil: // how that went, nobody knows
		case s.observation == nil || s.outcome == probes.Error:
			best = s
		}
	}
	return best
}

func (p *part) cellShot(c *cell, source *pod, round int) *shot {
	a := c.attempt
	if c.id == "" {
		c.id = a.ID()
	}
	s := &shot{source: source, proto: a.Port.Protocol, port: a.Port.Number}
	s.order = probes.Order{
		Do: a.Do, ID: c.id, Round: round, Port: cmp.Or(a.NodePort, a.Port.Number), Deadline: probes.Duration(p.deadline()),
	}
	if a.Service != "" {
		s.order.Host, _ = p.nodes.serviceHost(a, source)
	}
	s.order.Form = a.Form
	if a.Form != "" || a.Do.Inward() {
		s.order.Namespace = a.To.Namespace
	}
	if a.Do.Inward() {
		s.order.Own = source.host(suites.ServiceName)
	}
	if a.Out && !a.Witnessed {
		aimOutside(s, c)
	}
	target, address := c.target, a.Address
	if a.Do == probes.DoIdentity { // which is made on the source's own
		target, address = source, suites.ServiceName
	}
	p.aim(s, target, address, a.Lookup)
	return s
}

// aim gives a shot its nonce, and what is known of its target. What is asked
// of a resolver never arrives at the target that it is about.
func (p *part) aim(s *shot, target *pod, address suites.Address, lookup suites.Lookup) {
	s.order.Nonce = probes.NewNonce()
	switch {
	case target == nil:
	case target == p.outer.witness:
		s.target = target
		s.order.Host, s.order.Token = target.ip().String(), target.key.Token(s.order.Nonce)
		if lookup != (suites.Lookup{}) {
			s.zone = noZone
			if address == suites.Resolver {
				s.zone = p.tenancy.Promises.Egress.Witness.Zone
			}
			s.aimAtWitness(s.zone, lookup, address != suites.Resolver)
		}
	case lookup != suites.Lookup{}:
		s.order.Host, s.order.Type, s.order.Over = target.lookupName(lookup), lookup.Type, lookup.Over
		s.order.Server, s.order.Search = lookup.Server, lookup.Of == suites.SearchRecord
		if lookup.Of == suites.ReverseRecord {
			s.about = target
		}
	default:
		s.target = target
		s.order.Host = target.host(address)
		s.order.Token = target.key.Token(s.order.Nonce)
		if address.ByNode() {
			s.via, s.order.Host, _ = p.nodes.doorTo(target, address)
			s.order.Port = target.nodePorts[tenancy.Port{Protocol: s.proto, Number: s.port}]
		}
	}
	p.remember(s)
}

func (p *part) controlShot(c *control, round int, deadline time.Duration) *shot {
	s := &shot{source: c.source, proto: c.port.Protocol, port: c.port.Number}
	s.order = probes.Order{
		Do: c.do, ID: c.id(), Round: round, Port: cmp.Or(c.nodePort, c.port.Number), Deadline: probes.Duration(deadline), Host: c.service, Proto: c.proto,
	}
	p.aim(s, c.target, c.address, c.lookup)
	return s
}

// id names a control, for the probe's and the reader's eyes.
func (c *control) id() string {
	to := c.service
	if c.target != nil {
		to = c.target.place.namespace + "/" + c.target.place.slotName(c.target.slot)
	}
	return fmt.Sprintf("control/%s%s/%s/%s->%s/%s:%d", c.proto, c.lookup.Of, c.source.place.namespace, c.source.place.slotName(c.source.slot),
		to, c.address, c.port.Number)
}

// fire sends shots from all their sources at once and classifies what comes
// back. What failed by itself, as where a question to the DNS was lost, is sent
// once more: that is no evidence of anything, so that no answer is preferred to
// another by it. Arrivals of both orders count as the shot's.
func (p *part) fire(ctx context.Context, shots []*shot) {
	p.fireOnce(ctx, shots)
	var failed []*shot
	for _, s := range shots {
		if s.outcome == probes.Error {
			p.renew(s)
			failed = append(failed, s)
		}
	}
	p.fireOnce(ctx, failed)
	p.spool(shots)
}

// remember makes a shot known by its nonce until its part is judged.
func (p *part) remember(s *shot) {
	p.known[s.order.Nonce] = s
	p.nonces = append(p.nonces, s.order.Nonce)
}

// renew gives a shot a fresh nonce, and forgets neither the old one nor the
// socket that went with it.
func (p *part) renew(s *shot) {
	s.order.Nonce = probes.NewNonce()
	if s.target != nil {
		s.order.Token = s.target.key.Token(s.order.Nonce)
	}
	if s.zone != "" {
		s.target.nameInto(&s.order, s.zone)
	}
	p.remember(s)
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
		if s.target != nil && s.target == r.outer.witness {
			s.outcome = classifyAtWitness(*s.observation, r.authenticate(s))
			continue
		}
		classify := probes.Classify
		if s.source.place.proxied {
			classify = probes.ClassifyBehindProxy
		}
		s.outcome = classify(*s.observation, r.authenticate(s))
		if s.anyAnswer && s.observation.RCode != "" {
			s.outcome = probes.Reached
		}
		if s.sweep != nil {
			s.sweep.sift(s)
		}
		s.settleReverse()
	}
}

// collect asks targets for the receipts that they have not handed over yet.
func (r *run) collect(ctx context.Context, targets map[*pod]bool) map[*pod]collection {
	var mu sync.Mutex
	var wg sync.WaitGroup
	collected := map[*pod]collection{}
	for _, p := range r.places {
		for _, q := range p.pods {
			if q == nil || !q.target() || p.problem != "" || !targets[q] {
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
	if targets[r.outer.witness] && r.outer.witness != nil {
		wg.Go(func() {
			c := r.collectOuter(ctx)
			mu.Lock()
			defer mu.Unlock()
			collected[r.outer.witness] = c
		})
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
	a := &attribution{nodes: r.nodes, pods: r.podsByIP(), known: r.known, witness: r.outer.witness}
	for target, got := range before {
		a.settleNonces(target, got.receipts)
	}
	for target, got := range during {
		a.settle(target, byTarget[target], got.since(before[target]))
	}
}

// seen gathers what the rounds showed of a cell.
func (c *cell) seen(started []time.Time, ways waysOut) []verdicts.Seen {
	all := make([]verdicts.Seen, 0, len(c.shots))
	for i := range c.shots {
		s := c.decisive(i)
		one := verdicts.Seen{
			At: started[i], Draws: 1, Outcome: s.outcome, Observation: s.observation, Fault: s.fault,
			Arrivals: s.arrivals, Source: ways[c.exit()][i], Control: verdicts.Control{Rung: verdicts.RungNone},
		}
		if i < len(c.draws) {
			one.Draws += len(c.draws[i])
		}
		if c.sweep != nil {
			one.Told = told(c.asked(i))
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

// bestControl is the strongest rung that was reached before, during and after,
// or else the strongest there is; and whether the target's receipts show it.
func (c *cell) bestControl(round int) (verdicts.Control, bool) {
	best, proven := verdicts.Control{Rung: verdicts.RungNone}, false
	for i, rung := range c.controls {
		before, during, after := rung.control.before[round], rung.control.during[round], rung.control.after[round]
		now := verdicts.Control{Before: before.outcome, During: during.outcome, After: after.outcome, Rung: rung.kind}
		if i > 0 && (!now.Reached() || !rung.mayStandIn(round)) {
			continue
		}
		best = now
		if rung.standsFor != nil {
			best.Address = rung.control.address
		}
		proven = before.arrivals.Proven && during.arrivals.Proven && after.arrivals.Proven
		if best.Reached() {
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
	for _, s := range []*shot{r.standsFor.before[round], r.standsFor.during[round], r.standsFor.after[round]} {
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
