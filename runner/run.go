package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/partywall/partywall/policies"
	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// Progress is told how far a run is.
type Progress interface {
	Phase(name string)
	Note(text string)
}

// Options are the ways in which runs differ.
type Options struct {
	Image         string        // of the probe
	Deadline      time.Duration // of one attempt, at least
	DeployTimeout time.Duration // for the probes of one namespace to be ready
	MaxDuration   time.Duration // after which the probes remove themselves
	Rate          int           // attempts a second from one node
	Keep          bool          // leave the probes for a closer look
	Progress      Progress
	// Observed is handed what was seen of every attempt, as it comes.
	Observed func(any)
	// Rerun makes the command that shows an attempt again.
	Rerun func(id string) string
	// Witness stands outside the cluster; nil where there is none.
	Witness Witness
	// TapReceipts, in tests, stands between a target's receipts and all that
	// reads them.
	TapReceipts func([]probes.Receipt) []probes.Receipt
}

func (o Options) receipts(r []probes.Receipt) []probes.Receipt {
	if o.TapReceipts != nil {
		return o.TapReceipts(r)
	}
	return r
}

// Outcome is what there is to say of a run beside its cases.
type Outcome struct {
	Notes       []string
	Interrupted bool
	// TooLate is how many arrivals came to light only when their attempts had
	// been judged. What they would have shown was not seen.
	TooLate int
	Left    []string // objects that could not be removed
	// Policies are the tenants' NetworkPolicies before the first attempt; nil
	// where not all could be read.
	Policies *verdicts.Policies
	// Read are these policies themselves, as far as they could be read.
	Read *policies.Set
}

// NewID makes a run's id: eight hexadecimal digits.
func NewID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// run is one run under way.
type run struct {
	cluster *Cluster
	exec    func(*pod) opener
	opts    Options
	id      string
	tenancy *tenancy.Tenancy
	nodes   *nodes
	api     string // the API server's address within the cluster; empty where it is not known
	places  []*place
	spaces  map[string]bool // the namespaces that the attempts are between
	noPods  map[string]bool // where admission is to be asked and the runner may not create pods, not even as a dry run
	asked   map[string]bool // the namespaces for which admission is to be asked
	outer   outer
	judge   Judge
	// The tenants' policies before the first attempt.
	policies *policies.Set
	known    map[string]*shot // by nonce
	spent    [][]string       // the nonces of the parts that were judged last
	tooLate  shot             // stands for all shots that were judged
	slowest  float64          // connect time of a control, in milliseconds

	mu        sync.Mutex
	limiters  map[string]*rate.Limiter // by node
	notes     []string
	unsettled map[string]string // why a namespace's walls may have changed; of all under the empty name
}

// Run puts probes out, makes the attempts of a plan part by part, hands each
// part to the judge, and removes the probes again, whatever happens and also
// where the context ends. The plan is gone through more than once. An error
// means that nothing could be tried; what went wrong later is in what the judge
// and the caller get.
func Run(ctx context.Context, cluster *Cluster, t *tenancy.Tenancy, id string, plan iter.Seq[[]suites.Attempt], judge Judge, opts Options) (*Outcome, error) {
	streams, err := newExecs(cluster)
	if err != nil {
		return nil, err
	}
	r := newRun(cluster, t, id, plan, judge, opts)
	r.exec = streams.opener
	return r.work(ctx, plan)
}

func newRun(cluster *Cluster, t *tenancy.Tenancy, id string, plan iter.Seq[[]suites.Attempt], judge Judge, opts Options) *run {
	found := surveyOf(plan)
	castShadows(found.places, t)
	castProxies(found.places, t)
	return &run{
		cluster: cluster, opts: opts, id: id, tenancy: t, judge: judge, known: map[string]*shot{}, limiters: map[string]*rate.Limiter{},
		places: found.places, spaces: found.spaces, asked: found.asked,
	}
}

func (r *run) work(ctx context.Context, plan iter.Seq[[]suites.Attempt]) (*Outcome, error) {
	nodes, note, err := r.cluster.findNodes(ctx)
	if err != nil {
		return nil, err
	}
	r.nodes = nodes
	r.note(note)
	r.api = r.cluster.apiAddress(ctx)
	r.opts.Progress.Phase("checking rights")
	if err := r.checkAccess(ctx); err != nil {
		return nil, err
	}
	if err := r.checkInquiries(ctx); err != nil {
		return nil, err
	}
	if err := r.checkShadows(ctx); err != nil {
		return nil, err
	}
	interrupted, left := r.probe(ctx, plan)
	return &Outcome{Notes: r.notes, Interrupted: interrupted, TooLate: r.tooLate.arrivals.Certain, Left: left, Policies: r.policiesSeen(), Read: r.policies}, nil
}

// probe deploys, makes the attempts and cleans up; it returns what it could not
// remove.
func (r *run) probe(ctx context.Context, plan iter.Seq[[]suites.Attempt]) (interrupted bool, left []string) {
	defer func() {
		r.closeSessions()
		if !r.opts.Keep {
			left = r.cleanUp(ctx)
		}
	}()
	look := r.lookOut(ctx)
	defer look.end()
	policiesRead := r.readPolicies(ctx)
	r.opts.Progress.Phase(fmt.Sprintf("putting %d probes into %d namespaces", slots*len(r.places), r.namespaces()))
	err := r.deploy(ctx, func(p *place) { r.openSessions(ctx, p) })
	r.openOuter(ctx)
	r.nodes.doubt(r.places)
	r.noteSecond()
	policiesRead()
	r.noteUnmet()
	r.tryAll(ctx, plan, err == nil, func() { look.again(context.WithoutCancel(ctx)) })
	return ctx.Err() != nil, nil
}

// namespaces counts those that have probes, shadows of their workloads or both.
func (r *run) namespaces() int {
	names := map[string]bool{}
	for _, p := range r.places {
		names[p.namespace] = true
	}
	return len(names)
}

// atOnce is how many places are worked on at the same time.
const atOnce = 16

// startedAtOnce is for how many places pods may start at the same time. To wait
// costs nothing, so that it is many; still a cluster of hundreds of tenants is
// not asked for thousands of pods at a time.
const startedAtOnce = 64

// eachPlace works on the places side by side, a few at a time.
func (r *run) eachPlace(ctx context.Context, work func(context.Context, *place) error) error {
	return r.eachPlaceOf(ctx, atOnce, work)
}

func (r *run) eachPlaceOf(ctx context.Context, limit int, work func(context.Context, *place) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for _, p := range r.places {
		group.Go(func() error { return work(ctx, p) })
	}
	return group.Wait()
}

// openSessions opens a stream to every probe of a place, which ends with the
// context at the latest, and gives each target its key.
func (r *run) openSessions(ctx context.Context, p *place) {
	for _, q := range p.pods {
		q.session = &session{life: ctx, open: r.exec(q), limiter: r.limiter(q.node)}
		q.key = probes.NewKey()
	}
	for _, q := range p.pods {
		if !q.target() {
			// A stream keeps it from ending itself before its part of the plan
			// comes. That there is none shows in its attempts.
			_ = q.session.sign(ctx)
			continue
		}
		keyed, err := q.session.key(ctx, q.key)
		if err != nil {
			p.fail("the probe %s/%s took no key: %v", p.namespace, q.name, err)
			return
		}
		q.boot, q.noSCTP = keyed.Boot, keyed.NoSCTP
	}
}

// limiter is that of the attempts of a node's probes.
func (r *run) limiter(node string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limiters[node] == nil {
		r.limiters[node] = rate.NewLimiter(rate.Limit(r.opts.Rate), r.opts.Rate)
	}
	return r.limiters[node]
}

func (r *run) closeSessions() {
	var wg sync.WaitGroup
	for _, p := range r.places {
		for _, q := range p.pods {
			if q != nil && q.session != nil {
				wg.Go(q.session.close)
			}
		}
	}
	if q := r.outer.runner; q != nil {
		wg.Go(q.session.close)
	}
	wg.Wait()
}

// authenticate says whose answer a shot got. Services that are not ours sign
// nothing.
func (r *run) authenticate(s *shot) probes.Authenticity {
	if s.target == nil {
		return probes.Silent
	}
	question := s.order.Question()
	question.Port = s.port // a node's port is not the one that the target signs
	whose := probes.Authenticate(*s.observation, question, s.target.key, nil)
	if whose != probes.Unsigned {
		return whose // all other keys are asked only about what came, and was not signed by its own
	}
	return probes.Authenticate(*s.observation, question, s.target.key, r.otherKeys(s.target))
}

func (r *run) otherKeys(target *pod) []probes.Key {
	var keys []probes.Key
	for _, p := range r.places {
		for _, q := range p.pods {
			if q != nil && q != target && q.key != nil {
				keys = append(keys, q.key)
			}
		}
	}
	return keys
}

func (r *run) podsByIP() map[netip.Addr]*pod {
	byIP := map[netip.Addr]*pod{}
	for _, p := range r.places {
		for _, q := range p.pods {
			if q == nil {
				continue
			}
			for _, ip := range q.ips {
				byIP[ip] = q
			}
		}
	}
	return byIP
}

func (r *run) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text != "" && !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

// spool hands on what was seen as soon as it is there.
func (p *part) spool(shots []*shot) {
	for _, s := range shots {
		if s.observation != nil && s.order.Round > 0 {
			p.observed(s.observation, s.outcome, p.anew)
		}
	}
}

func (r *run) observed(o *probes.Observation, outcome probes.Outcome, anew bool) {
	if r.opts.Observed == nil {
		return
	}
	r.opts.Observed(struct {
		*probes.Observation
		Outcome probes.Outcome `json:"outcome"`
		Anew    bool           `json:"anew,omitempty"` // in another go, whose rounds count from 1 again
	}{o, outcome, anew})
}
