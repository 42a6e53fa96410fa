package runner

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/time/rate"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// Witness is what the runner asks of the user's witness outside the cluster.
type Witness interface {
	// Answers is the key by which it signs.
	Answers() probes.Key
	// Now tells its boot and the number of its newest receipt.
	Now(ctx context.Context) (probes.Receipts, error)
	// Receipts are those after a number.
	Receipts(ctx context.Context, after uint64) (probes.Receipts, error)
}

// outer is what is at the far end of what leaves the cluster, and the runner
// itself, which stands outside too: both are as probes are, without being pods.
type outer struct {
	witness *pod // a target
	runner  *pod // a source
	unheard string
}

// openOuter begins to listen to the witness, where there is one. Where it does
// not answer, attempts on it can still show a leak, by an answer that it signed.
func (r *run) openOuter(ctx context.Context) {
	file := r.tenancy.Promises.Egress.Witness
	if file == nil || r.opts.Witness == nil {
		return
	}
	address, err := netip.ParseAddr(file.Address)
	if err != nil {
		return // the file's own reader refuses it
	}
	r.outer.witness = &pod{
		place: &place{tenant: "internet"}, name: file.Address, ips: []netip.Addr{address.Unmap()}, key: r.opts.Witness.Answers(),
	}
	r.outer.runner = &pod{place: &place{tenant: "runner"}, slot: slotSource, name: "runner"}
	r.outer.runner.session = &session{life: ctx, open: ownProbe, limiter: rate.NewLimiter(rate.Limit(r.opts.Rate), r.opts.Rate)}
	now, err := r.opts.Witness.Now(ctx)
	if err != nil {
		r.outer.unheard = err.Error()
		r.note("the witness cannot be asked what arrives, so that attempts on it can show a leak, but no wall: " + err.Error())
		return
	}
	r.outer.witness.boot, r.outer.witness.read = now.Boot, now.Last
}

// ownProbe makes attempts from where the runner is.
func ownProbe(ctx context.Context, stdin io.Reader, stdout, _ io.Writer) error {
	return probes.NewServer(nil, 0).Serve(ctx, struct {
		io.Reader
		io.Writer
	}{stdin, stdout})
}

// collectOuter reads on in the witness's receipts.
func (r *run) collectOuter(ctx context.Context) collection {
	if r.outer.unheard != "" {
		return collection{fault: r.outer.unheard}
	}
	q := r.outer.witness
	got, err := r.opts.Witness.Receipts(ctx, q.read)
	if err != nil {
		return collection{fault: err.Error()}
	}
	c := collection{receipts: r.opts.receipts(got.Receipts), lost: got.Lost, gap: !gapless(got, q.read)}
	if got.Boot != q.boot {
		c.fault = "the witness restarted while the run was under way"
	}
	q.read = got.Last
	return c
}

// aimAtWitness gives a shot the name that only the witness can answer for.
func (s *shot) aimAtWitness(zone string, lookup suites.Lookup, direct bool) {
	s.target.nameInto(&s.order, zone)
	s.order.Type, s.order.Over, s.order.Server = lookup.Type, lookup.Over, ""
	if direct {
		s.order.Server = net.JoinHostPort(s.target.ip().String(), strconv.Itoa(s.order.Port))
	}
}

// noZone stands where the witness is asked itself, which answers for any.
const noZone = "partywall.invalid"

// nameInto makes the order's nonce one that can stand in a name, and the name.
func (q *pod) nameInto(o *probes.Order, zone string) {
	o.Nonce = probes.NewNameNonce()
	o.Host = q.key.Name(o.Nonce, zone)
}

// bindWitness gives a cell the witness for its target, and the controls that
// show it alive: tenants that may reach it, from the same node, and the runner.
func (b *binder) bindWitness(c *cell) {
	c.target = b.outer.witness
	if c.target == nil {
		c.problem = "the run has no key of the witness (--witness-key)"
		return
	}
	control := *c.attempt
	if control.Address == suites.Resolver { // nobody may ask for it: that the witness answers for it shows it alive
		control.Address = suites.ByAddress
	} else {
		for _, tenant := range b.witness.Tenants {
			if near := b.near(tenant, c.source); near != nil {
				c.controls = append(c.controls, rung{kind: verdicts.RungCrossing, control: b.control(near, c.target, control)})
				break
			}
		}
	}
	c.controls = append(c.controls, rung{kind: verdicts.RungRunner, control: b.control(b.outer.runner, c.target, control)})
}

// near is a probe of a tenant on the node of a source, which is not the source.
func (b *binder) near(tenant string, source *pod) *pod {
	for _, p := range b.byTenant[tenant] {
		if near := neighbours(p, source, source.node); len(near) > 0 {
			return near[0]
		}
	}
	return nil
}

// classifyAtWitness names the outcome of an attempt on the witness. What a
// resolver says in its place, be it that there is no such name or that it could
// not find out, is a denial; what counts is whether the question arrived. What
// anybody else says in its place, as a proxy on the way does, is no evidence of
// where the attempt ended.
func classifyAtWitness(o probes.Observation, a probes.Authenticity) probes.Outcome {
	if a != probes.Genuine && o.RCode != "" {
		return probes.Unresolved
	}
	outcome := probes.Classify(o, a)
	if a == probes.Unsigned && outcome == probes.Misrouted {
		return probes.Error
	}
	return outcome
}

// stood says that something answered a shot's connection, so that an arrival
// without a nonce may be its own. A datagram always has its nonce with it.
func (s *shot) stood() bool {
	if s.proto == string(probes.DoUDP) || s.observation == nil {
		return false
	}
	switch s.observation.Phase {
	case probes.PhaseResolve, probes.PhaseConnect, "":
		return false
	}
	return true
}

// needsWitness says that a plan tries the witness.
func needsWitness(plan iter.Seq[suites.Attempt]) bool {
	for a := range plan {
		if a.Witnessed && a.Skip == "" {
			return true
		}
	}
	return false
}

// CheckWitness refuses a run that tries the witness and could not know its
// answers, and a key that nothing would be done with.
func CheckWitness(t *tenancy.Tenancy, plan iter.Seq[suites.Attempt], w Witness) error {
	switch needed := needsWitness(plan); {
	case needed && w == nil:
		return fmt.Errorf("%s names a witness (promises.egress.witness): give its key by --witness-key, or leave it out of the file", t.Path)
	case !needed && w != nil:
		return fmt.Errorf("--witness-key: nothing that is selected tries a witness; promises.egress.witness names one")
	}
	return nil
}
