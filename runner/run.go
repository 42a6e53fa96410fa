package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/kubectl/pkg/cmd/exec"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

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

// Evidence is what a run brings back for judging.
type Evidence struct {
	Cases       []verdicts.Case
	Controls    []verdicts.Case
	Notes       []string
	Interrupted bool
	Left        []string // objects that could not be removed
}

// NewID makes a run's id: eight hexadecimal digits.
func NewID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// run is one run under way.
type run struct {
	cluster   *Cluster
	exec      func(*pod) opener
	opts      Options
	id        string
	tenancy   *tenancy.Tenancy
	nodes     *nodes
	api       string // the API server's address within the cluster; empty where it is not known
	places    []*place
	cells     []*cell
	cut       bool // the context ended before the last round had
	controls  []*control
	known     map[string]*shot
	started   []time.Time // the attempts of each round
	lastRound time.Time
	slowest   float64 // connect time of a control, in milliseconds

	mu        sync.Mutex
	notes     []string
	unsettled map[string]string // why a namespace's walls may have changed; of all under the empty name
}

// Run puts probes out, makes the attempts, and removes the probes again,
// whatever happens and also where the context ends. An error means that
// nothing could be tried; what went wrong later is in the evidence.
func Run(ctx context.Context, cluster *Cluster, t *tenancy.Tenancy, id string, attempts []suites.Attempt, opts Options) (*Evidence, error) {
	r := newRun(cluster, t, id, attempts, opts)
	r.exec = r.opener
	return r.work(ctx, attempts)
}

func newRun(cluster *Cluster, t *tenancy.Tenancy, id string, attempts []suites.Attempt, opts Options) *run {
	return &run{cluster: cluster, opts: opts, id: id, tenancy: t, known: map[string]*shot{}, places: placesOf(attempts)}
}

func (r *run) work(ctx context.Context, attempts []suites.Attempt) (*Evidence, error) {
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
	left := r.probe(ctx, attempts)
	e := r.evidence()
	e.Left = left
	return e, nil
}

// probe deploys, makes the rounds and cleans up; it returns what it could not
// remove.
func (r *run) probe(ctx context.Context, attempts []suites.Attempt) (left []string) {
	defer func() {
		r.closeSessions()
		if !r.opts.Keep {
			left = r.cleanUp(ctx)
		}
	}()
	look := r.lookOut(ctx, attempts)
	defer look.end(context.WithoutCancel(ctx)) // before the probes are removed
	r.opts.Progress.Phase(fmt.Sprintf("putting %d probes into %d namespaces", slots*len(r.places), len(r.places)))
	err := r.deploy(ctx)
	if err == nil {
		r.opts.Progress.Phase("handing out keys")
		err = r.openSessions(ctx)
	}
	r.nodes.doubt(r.places)
	r.bindAll(attempts, err != nil)
	if err == nil {
		r.rounds(ctx)
	}
	r.cut = ctx.Err() != nil
	return nil
}

// bindAll binds the attempts to the probes that there are. Of a run that was
// interrupted before it had all of them, nothing is bound.
func (r *run) bindAll(attempts []suites.Attempt, interrupted bool) {
	b := &binder{
		tenancy: r.tenancy, places: map[string]*place{}, byTenant: map[string][]*place{},
		controls: map[controlKey]*control{}, nodes: r.nodes, api: r.api,
		crossing: func(from, to string, port tenancy.Port) bool {
			_, ok := r.tenancy.Crosses(from, to, port, time.Now())
			return ok
		},
	}
	for _, p := range r.places {
		b.places[p.namespace] = p
		b.byTenant[p.tenant] = append(b.byTenant[p.tenant], p)
	}
	for _, a := range attempts {
		if interrupted {
			r.cells = append(r.cells, &cell{attempt: a})
		} else {
			r.cells = append(r.cells, b.bind(a))
		}
	}
	for _, c := range b.controls {
		r.controls = append(r.controls, c)
	}
	slices.SortFunc(r.controls, func(a, b *control) int { return strings.Compare(a.id(), b.id()) })
}

// atOnce is how many places are worked on at the same time.
const atOnce = 16

// eachPlace works on the places side by side, a few at a time.
func (r *run) eachPlace(ctx context.Context, work func(context.Context, *place) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, p := range r.places {
		group.Go(func() error { return work(ctx, p) })
	}
	return group.Wait()
}

// openSessions opens a stream to every probe and gives each target its key.
func (r *run) openSessions(ctx context.Context) error {
	limiters := map[string]*rate.Limiter{}
	for _, p := range r.places {
		if p.problem != "" {
			continue
		}
		for _, q := range p.pods {
			if limiters[q.node] == nil {
				limiters[q.node] = rate.NewLimiter(rate.Limit(r.opts.Rate), r.opts.Rate)
			}
			q.session = &session{life: ctx, open: r.exec(q), limiter: limiters[q.node]}
			q.key = probes.NewKey()
		}
	}
	return r.eachPlace(ctx, func(ctx context.Context, p *place) error {
		for _, q := range p.pods {
			if p.problem != "" {
				return nil
			}
			if !q.target() {
				continue
			}
			boot, err := q.session.key(ctx, q.key)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				p.fail("the probe %s/%s took no key: %v", p.namespace, q.name, err)
			}
			q.boot = boot
		}
		return nil
	})
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
	wg.Wait()
}

// opener execs the probe's pipe in a pod.
func (r *run) opener(q *pod) opener {
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		url := r.cluster.Client.CoreV1().RESTClient().Post().
			Resource("pods").Namespace(q.place.namespace).Name(q.name).SubResource("exec").
			VersionedParams(&corev1.PodExecOptions{
				Container: container, Command: []string{"/probe", "pipe", "--socket", socketPath},
				Stdin: true, Stdout: true, Stderr: true,
			}, scheme.ParameterCodec).URL()
		executor := &exec.DefaultRemoteExecutor{}
		return executor.ExecuteWithContext(ctx, url, rest.CopyConfig(r.cluster.Config), stdin, stdout, stderr, false, nil)
	}
}

// authenticate says whose answer a shot got. Services that are not ours sign
// nothing.
func (r *run) authenticate(s *shot) probes.Authenticity {
	if s.target == nil {
		return probes.Silent
	}
	return probes.Authenticate(*s.observation, s.order.Question(), s.target.key, r.otherKeys(s.target))
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
func (r *run) spool(shots []*shot) {
	if r.opts.Observed == nil {
		return
	}
	for _, s := range shots {
		if s.observation != nil && s.order.Round > 0 {
			r.opts.Observed(struct {
				*probes.Observation
				Outcome probes.Outcome `json:"outcome"`
			}{s.observation, s.outcome})
		}
	}
}

// evidence puts the cells and controls into the judge's words.
func (r *run) evidence() *Evidence {
	e := &Evidence{Notes: r.notes, Interrupted: r.cut}
	ways := r.waysOut()
	for _, c := range r.cells {
		e.Cases = append(e.Cases, r.caseOf(c, ways))
	}
	for _, c := range r.controls {
		if c.do != probes.DoListener && c.do != probes.DoDNS && c.target != nil {
			e.Controls = append(e.Controls, c.asCase(r.started))
		}
	}
	return e
}

func (r *run) caseOf(c *cell, ways waysOut) verdicts.Case {
	a := c.attempt
	k := verdicts.Case{
		Attempt: a, Problem: c.problem, Unsettled: r.unsettledBetween(a.From.Namespace, a.To.Namespace),
		From: verdicts.Side{Tenant: a.From.Tenant, Namespace: a.From.Namespace},
		To:   verdicts.Side{Tenant: a.To.Tenant, Namespace: a.To.Namespace},
	}
	if c.source != nil {
		k.From = c.source.side()
		k.Rounds = c.seen(r.started, ways)
	}
	if c.target != nil {
		k.To = c.target.side()
	}
	if r.opts.Rerun != nil {
		k.Rerun = r.opts.Rerun(a.ID())
		if r.opts.Keep && len(c.shots) > 0 {
			k.Rerun += "\n" + c.source.execLine(r.cluster.Context, c.shots[0].order)
		}
	}
	k.Interrupted = r.cut && len(k.Rounds) == 0 && c.problem == ""
	return k
}
