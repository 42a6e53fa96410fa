package runner

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// world is a cluster of fakes, on which a whole run works: its API server, its
// Job controller, its nodes and its network.
type world struct {
	*fakeNet
	t        *testing.T
	client   *fake.Clientset
	tenancy  *tenancy.Tenancy
	attempts []suites.Attempt
	parts    [][]suites.Attempt // instead of all in one
	controls int                // that were judged
	known    int                // nonces that the run remembered, at most
	noInject []string           // namespaces in which the mesh puts no proxy beside pods that ask for one
	hooks    hooks
	started  func(*fakeProbe) // changes a probe before anybody asks it; nil for none
	opts     Options
}

var (
	nodeOfProbe = map[string]string{"target-0": "a", "target-1": "b", "source": "a"}
	rangeOfNode = map[string]string{"a": "10.0.1.", "b": "10.0.2."}
)

func newWorld(t *testing.T, tenants *tenancy.Tenancy) *world {
	w := &world{fakeNet: &fakeNet{arrived: map[string]bool{}}, t: t, tenancy: tenants, opts: options()}
	for _, a := range (network.Suite{}).Plan(tenants, suites.Whole(tenants)) {
		if !a.OneSided() {
			w.attempts = append(w.attempts, a)
		}
	}
	w.opts.Progress = &w.hooks
	w.client = deploying(func(job *batchv1.Job) runtime.Object { return w.start(job) })
	for name, prefix := range rangeOfNode {
		require.NoError(t, w.client.Tracker().Add(node(name, func(n *corev1.Node) {
			n.Spec.PodCIDRs = []string{prefix + "0/24"}
			n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: nodeAddress(name)}}
		})))
	}
	w.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
		s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
		if s.Spec.Type == corev1.ServiceTypeNodePort {
			w.openDoors(s)
		}
		if f := w.probe(s.Namespace, s.Labels[labelPod]); f != nil && s.Spec.ClusterIP == "" {
			f.cluster = "198.18" + strings.TrimPrefix(f.ip.String(), "10.0")
			s.Spec.ClusterIP = f.cluster
		}
		return false, nil, nil
	})
	w.client.PrependReactor("delete", "jobs", func(a clienttesting.Action) (bool, runtime.Object, error) {
		d := a.(clienttesting.DeleteAction)
		_ = w.client.Tracker().Delete(schema.GroupVersionResource{Version: "v1", Resource: "pods"}, d.GetNamespace(), d.GetName()+"-x")
		return false, nil, nil
	})
	return w
}

// start makes the pod of a Job, and the probe in it.
func (w *world) start(job *batchv1.Job) *corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	slot := job.Labels[labelPod]
	f := &fakeProbe{net: w.fakeNet, namespace: job.Namespace, slot: slot, node: nodeOfProbe[placePrefix.ReplaceAllString(slot, "")], host: job.Name + "." + job.Namespace + ".svc", boot: "boot-1"}
	if job.Spec.Template.Labels[labelInject] == "true" && !slices.Contains(w.noInject, job.Namespace) {
		job.Spec.Template.Spec.InitContainers = append(job.Spec.Template.Spec.InitContainers, corev1.Container{Name: "istio-proxy"})
	}
	f.headless = job.Spec.Template.Spec.Hostname + "." + job.Spec.Template.Spec.Subdomain + "." + job.Namespace + ".svc"
	f.ip = netip.MustParseAddr(fmt.Sprintf("%s%d", rangeOfNode[f.node], 10+len(w.pods)))
	if w.started != nil {
		w.started(f)
	}
	w.pods = append(w.pods, f)
	p := readyPod(job)
	p.Spec.NodeName = f.node
	p.Status.PodIPs = []corev1.PodIP{{IP: f.ip.String()}}
	if w.secondOf != nil {
		if f.second = w.secondOf(f); f.second != "" {
			p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: f.second})
		}
	}
	return p
}

// onStart changes one probe before anybody asks it.
func (w *world) onStart(namespace, slot string, change func(*fakeProbe)) {
	w.started = func(f *fakeProbe) {
		if f.namespace == namespace && f.slot == slot {
			change(f)
		}
	}
}

// refuses lets nobody exec into a probe.
func refuses(f *fakeProbe) {
	f.broken = func(int) error { return errors.New("connection refused") }
}

func (w *world) probe(namespace, slot string) *fakeProbe {
	for _, f := range w.pods {
		if f.namespace == namespace && f.slot == slot {
			return f
		}
	}
	return nil
}

// run makes a whole run and judges it.
func (w *world) run(ctx context.Context) (map[string]verdicts.Result, *Outcome) {
	w.t.Helper()
	judging := verdicts.NewJudging(w.tenancy, time.Now())
	var results []verdicts.Result
	var r *run
	judge := func(cases iter.Seq[verdicts.Case], controls []verdicts.Case) {
		w.known = max(w.known, len(r.known))
		results = slices.AppendSeq(results, judging.Part(cases, controls))
		w.controls += len(controls)
	}
	plan := whole(w.attempts...)
	if w.parts != nil {
		plan = slices.Values(w.parts)
	}
	r = newRun(&Cluster{Client: w.client, Context: "test"}, w.tenancy, "0123abcd", plan, judge, w.opts)
	r.exec = func(q *pod) opener {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.probe(q.place.namespace, q.place.slotName(q.slot)).exec
	}
	e, err := r.work(ctx, plan)
	if err != nil {
		require.ErrorIs(w.t, err, context.Canceled)
		e = &Outcome{Interrupted: true}
	}
	all := map[string]verdicts.Result{}
	for _, r := range results {
		judging.Sensitivity().Hold(&r)
		all[r.ID] = r
	}
	return all, e
}

// requireClean sees to it that nothing of a run is left, and nothing else gone.
func (w *world) requireClean(e *Outcome) {
	w.t.Helper()
	require.Empty(w.t, e.Left)
	jobs, err := w.client.BatchV1().Jobs("").List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	require.Empty(w.t, jobs.Items)
	pods, err := w.client.CoreV1().Pods("").List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	require.Empty(w.t, pods.Items)
	services, err := w.client.CoreV1().Services("").List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	require.Empty(w.t, services.Items)
}

func closed(_, _ *fakeProbe, _ probes.Order) way { return dropped }

// between lets something happen from one namespace to another, and nothing
// anywhere else.
func between(from, to string, what way) func(a, b *fakeProbe, o probes.Order) way {
	return func(a, b *fakeProbe, _ probes.Order) way {
		if a.namespace == from && b.namespace == to {
			return what
		}
		return dropped
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	leaks := func(outcome probes.Outcome) func(verdicts.Result) (verdicts.Verdict, probes.Outcome) {
		return func(r verdicts.Result) (verdicts.Verdict, probes.Outcome) {
			if r.From.Namespace == "t1" && r.To.Namespace == "t2" {
				return verdicts.Leak, outcome
			}
			return verdicts.Isolated, probes.Dropped
		}
	}
	isolated := func(verdicts.Result) (verdicts.Verdict, probes.Outcome) { return verdicts.Isolated, probes.Dropped }
	inconclusive := func(which func(verdicts.Result) bool) func(verdicts.Result) (verdicts.Verdict, probes.Outcome) {
		return func(r verdicts.Result) (verdicts.Verdict, probes.Outcome) {
			if which(r) {
				return verdicts.Inconclusive, ""
			}
			return verdicts.Isolated, ""
		}
	}
	toTarget := func(ns string, slot int) func(verdicts.Result) bool {
		return func(r verdicts.Result) bool {
			return r.To.Namespace == ns && strings.Contains(r.ID, fmt.Sprintf("/target-%d/", slot))
		}
	}
	// inRound2 does something to a probe when the second round has begun.
	inRound2 := func(ns, slot string, do func(*fakeProbe)) func(*world) {
		return func(w *world) {
			w.hooks.phase = func(name string) {
				if strings.HasPrefix(name, "round 2 of 2: controls before") {
					w.mu.Lock()
					defer w.mu.Unlock()
					do(w.probe(ns, slot))
				}
			}
		}
	}
	// unpluggedInRounds takes a probe's cable out for the attempts of each round.
	unpluggedInRounds := func(ns, slot string) func(*world) {
		return func(w *world) {
			w.hooks.phase = func(name string) {
				w.mu.Lock()
				defer w.mu.Unlock()
				if f := w.probe(ns, slot); f != nil {
					f.unplugged = strings.HasSuffix(name, " attempts")
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		wall func(from, to *fakeProbe, o probes.Order) way
		set  func(*world)
		want func(verdicts.Result) (verdicts.Verdict, probes.Outcome)
		why  string
	}{
		{name: "walls that hold", wall: closed, want: isolated},
		{name: "an open wall", wall: between("t1", "t2", through), want: leaks(probes.Reached)},
		{name: "a wall that stops the answers only", wall: between("t1", "t2", oneWay), want: leaks(probes.Received)},
		{name: "a wall that lets connections stand", wall: between("t1", "t2", accepted), want: leaks(probes.Received)},
		{name: "a wall that only delays", wall: between("t1", "t2", belated), want: leaks(probes.Received)},
		{
			name: "arrivals from a node that may be anybody's there", wall: between("t1", "t2", natted),
			want: inconclusive(func(r verdicts.Result) bool { return r.To.Namespace == "t2" }), why: "its address rewritten",
		},
		{
			name: "arrivals from a node's tunnel", wall: between("t1", "t2", tunnelled),
			want: inconclusive(func(r verdicts.Result) bool { return r.To.Namespace == "t2" }), why: "its address rewritten",
		},
		{
			name: "arrivals from a node's tunnel, by a plan of addresses that the nodes know nothing of", wall: between("t1", "t2", tunnelled),
			set: func(w *world) {
				gvr := schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
				for name, other := range map[string]string{"a": "b", "b": "a"} {
					n := node(name, func(n *corev1.Node) { n.Spec.PodCIDRs = []string{rangeOfNode[other] + "0/24"} })
					require.NoError(w.t, w.client.Tracker().Update(gvr, n, ""))
				}
			},
			want: inconclusive(func(r verdicts.Result) bool { return r.To.Namespace == "t2" }), why: "its address rewritten",
		},
		{
			name: "open in the second round only",
			wall: func(from, to *fakeProbe, o probes.Order) way {
				if from.namespace == "t1" && to.namespace == "t2" && o.Round == 2 {
					return through
				}
				return dropped
			},
			want: leaks(probes.Reached),
		},
		{
			name: "no receipts", wall: closed, set: func(w *world) { w.opts.TapReceipts = func([]probes.Receipt) []probes.Receipt { return nil } },
			want: inconclusive(func(verdicts.Result) bool { return true }), why: "do not show its control's arrival",
		},
		{
			name: "a target that is unplugged just while it is tried", wall: closed, set: unpluggedInRounds("t2", "target-1"),
			want: inconclusive(func(r verdicts.Result) bool {
				// It stands control across nodes for the other target, whose one source control it is.
				return r.To.Namespace == "t2" && r.Placement == suites.CrossNode || r.From.Namespace == "t2" && !strings.Contains(r.From.Pod, "source")
			}),
		},
		{
			name: "a source that is unplugged just while it tries an open wall", wall: between("t1", "t2", through), set: unpluggedInRounds("t1", "source"),
			want: func(r verdicts.Result) (verdicts.Verdict, probes.Outcome) {
				switch {
				case r.From.Namespace == "t1" && strings.Contains(r.From.Pod, "source"), toTarget("t1", 0)(r) && r.Placement == suites.SameNode:
					return verdicts.Inconclusive, ""
				case r.From.Namespace == "t1" && r.To.Namespace == "t2":
					return verdicts.Leak, ""
				}
				return verdicts.Isolated, ""
			},
		},
		{
			name: "a port without a listener", wall: closed,
			set: func(w *world) {
				w.onStart("t2", "target-1", func(f *fakeProbe) { f.shut = probes.PortTCP })
			},
			want: inconclusive(func(r verdicts.Result) bool { return toTarget("t2", 1)(r) && r.Port == probes.PortTCP }),
			why:  "may not have been able to answer anybody",
		},
		{
			name: "a target that restarts", wall: closed,
			set: inRound2("t2", "target-0", func(f *fakeProbe) {
				f.boot, f.key, f.seq, f.receipts = "boot-2", nil, 0, nil
			}),
			want: inconclusive(func(r verdicts.Result) bool {
				// It answers nobody any more, which was the one source control of the probe on the other node.
				return toTarget("t2", 0)(r) || r.From.Pod == "partywall-0123abcd-target-1-x" && r.From.Namespace == "t2"
			}),
		},
		{
			name: "a target that restarts and is told its key again", wall: closed,
			set:  inRound2("t2", "target-0", func(f *fakeProbe) { f.boot, f.seq, f.receipts = "boot-2", 0, nil }),
			want: inconclusive(toTarget("t2", 0)), why: "the target restarted",
		},
		{
			name: "a receipt that is lost on the way", wall: closed,
			set:  inRound2("t2", "target-1", func(f *fakeProbe) { f.hide = f.seq + 3 }),
			want: inconclusive(toTarget("t2", 1)), why: "some of them were lost on the way",
		},
		{
			name: "a target whose memory overflows", wall: closed,
			set: func(w *world) {
				w.hooks.phase = func(name string) {
					if name == "round 1 of 2: receipts" {
						w.probe("t2", "target-1").lost = 7
					}
				}
			},
			want: inconclusive(toTarget("t2", 1)), why: "overflowed",
		},
		{
			name: "an overflow between the rounds", wall: closed,
			set: func(w *world) {
				w.hooks.phase = func(name string) {
					if strings.HasPrefix(name, "waiting 10s") {
						w.probe("t2", "target-1").lost = 7
					}
				}
			},
			want: isolated,
		},
		{
			name: "streams that break at first", wall: closed,
			set: func(w *world) {
				w.started = func(f *fakeProbe) {
					f.broken = func(opened int) error {
						if opened < streamTries {
							return errors.New("connection refused")
						}
						return nil
					}
				}
			},
			want: isolated,
		},
		{
			name: "a source that cannot be spoken to", wall: closed,
			set: func(w *world) {
				w.onStart("t1", "source", refuses)
			},
			want: inconclusive(func(r verdicts.Result) bool {
				return r.From.Pod == "partywall-0123abcd-source-x" && r.From.Namespace == "t1" ||
					r.To.Namespace == "t1" && strings.Contains(r.ID, "/target-0/") && strings.Contains(r.ID, "/same-node/")
			}),
		},
		{
			name: "a target that takes no key", wall: closed,
			set: func(w *world) {
				w.onStart("t2", "target-1", refuses)
			},
			want: inconclusive(func(r verdicts.Result) bool { return r.From.Namespace == "t2" || r.To.Namespace == "t2" }),
			why:  "took no key: sending an order: exec: connection refused",
		},
		{
			name: "a namespace without room", wall: closed,
			set: func(w *world) {
				q := quota(map[corev1.ResourceName]string{"pods": "3"}, nil)
				require.NoError(w.t, w.client.Tracker().Add(q))
			},
			want: inconclusive(func(r verdicts.Result) bool { return r.From.Namespace == "t1" || r.To.Namespace == "t1" }),
			why:  "has no room for the probes",
		},
		{
			name: "a single attempt", wall: closed,
			set:  func(w *world) { w.attempts = w.attempts[:1] },
			want: isolated,
		},
		{
			name: "attempts that fail by themselves at first", wall: closed,
			set: func(w *world) {
				seen := map[string]bool{}
				w.wall = func(_, _ *fakeProbe, o probes.Order) way {
					key := fmt.Sprint(o.ID, o.Round)
					if !seen[key] {
						seen[key] = true
						return failed
					}
					return dropped
				}
			},
			want: isolated,
		},
		{
			name: "attempts that fail by themselves", wall: func(_, _ *fakeProbe, _ probes.Order) way { return failed },
			want: inconclusive(func(verdicts.Result) bool { return true }), why: "the attempt itself failed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2", "t3"))
				w.wall = c.wall
				if c.set != nil {
					c.set(w)
				}
				results, e := w.run(t.Context())
				require.Len(t, results, len(w.attempts))
				for id, r := range results {
					verdict, outcome := c.want(r)
					require.Equal(t, verdict, r.Verdict, "%s: %s", id, r.Why)
					if outcome != "" {
						require.Equal(t, outcome, r.Outcome, id)
					}
					if verdict == verdicts.Inconclusive && c.why != "" {
						require.Contains(t, r.Why, c.why)
					}
				}
				assert.False(t, e.Interrupted)
				w.requireClean(e)
			})
		})
	}
}

func TestRunKeeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		w.wall = closed
		w.opts.Keep = true
		w.opts.Rerun = func(id string) string { return "again " + id }
		results, _ := w.run(t.Context())
		for id, r := range results {
			require.Equal(t, verdicts.Isolated, r.Verdict, r.Why)
			require.True(t, strings.HasPrefix(r.Rerun, "again "+id+"\necho '{"), r.Rerun)
		}
		jobs, err := w.client.BatchV1().Jobs("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		assert.Len(t, jobs.Items, 2*slots)
	})
}

func TestRunOfNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		for i := range w.attempts {
			w.attempts[i].Skip = "not applicable"
		}
		results, e := w.run(t.Context())
		for _, r := range results {
			require.Equal(t, verdicts.Skipped, r.Verdict)
		}
		w.requireClean(e)
	})
}

func TestRunObserves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		w.wall = closed
		seen := 0
		w.opts.Observed = func(any) { seen++ }
		results, _ := w.run(t.Context())
		assert.Equal(t, verdicts.Rounds*(len(results)+4*w.controls), seen)
	})
}

// An answer is taken as it comes. Only what failed of itself, which is no
// answer, is asked once more, and whatever comes then stands.
func TestNoRetryTowardsTheExpectedAnswer(t *testing.T) {
	t.Parallel()
	for what, times := range map[way]int{through: 1, dropped: 1, oneWay: 1, accepted: 1, failed: 2} {
		t.Run(fmt.Sprint(what), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				tried := map[string]int{}
				w.wall = func(_, _ *fakeProbe, o probes.Order) way {
					tried[fmt.Sprintf("%s in round %d", o.ID, o.Round)]++
					return what
				}
				w.run(t.Context())
				require.Len(t, tried, verdicts.Rounds*len(w.attempts))
				for attempt, n := range tried {
					require.Equal(t, times, n, attempt)
				}
			})
		})
	}
}

// One stream a pod, whatever the number of attempts, and a bounded time.
func TestOneExecStreamAPod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2", "t3", "t4", "t5"))
		w.wall = closed
		start := time.Now()
		w.run(t.Context())
		assert.Less(t, time.Since(start), verdicts.MinGap+2*(quiet+3*time.Second))
		for _, f := range w.pods {
			assert.Equal(t, 1, f.opened, f.host)
		}
	})
}

// A run that is ended, in whatever phase, leaves nothing behind and proves
// nothing that it did not see to its end.
func TestRunEndedInEveryPhase(t *testing.T) {
	t.Parallel()
	const enough = 100
	phases := 0
	for k := 0; k < enough && k <= phases; k++ {
		for _, after := range []time.Duration{0, 700 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				w.wall = closed
				w.slow = 300 * time.Millisecond
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				i, ended := 0, ""
				w.hooks.phase = func(name string) {
					if i == k {
						ended = name
						time.AfterFunc(after, cancel)
						if after == 0 {
							cancel()
						}
					}
					i++
				}
				results, e := w.run(ctx)
				phases = max(phases, i)
				whole := ended == "" || ended == "removing the probes" || !e.Interrupted
				for id, r := range results {
					if !whole {
						require.Equal(t, verdicts.Inconclusive, r.Verdict, "%s, ended %s after %q: %s", id, after, ended, r.Why)
					} else {
						require.Equal(t, verdicts.Isolated, r.Verdict, "%s, ended %s after %q: %s", id, after, ended, r.Why)
					}
				}
				w.requireClean(e)
			})
		}
	}
	assert.Greater(t, phases, 10)
}

// chance is a number from 0 to 99 that depends on nothing but its words.
func chance(words ...any) int {
	h := fnv.New64a()
	fmt.Fprint(h, words...)
	return int(h.Sum64() % 100)
}

// Whatever goes wrong at the same time: what arrived is never called isolated,
// and where nothing arrived there is no leak.
func TestRunWithWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	kinds := []way{through, oneWay, accepted, natted, tunnelled, belated}
	var mu sync.Mutex
	counts := map[verdicts.Verdict]int{}
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, tenantsOf("t1", "t2", "t3"))
			times := map[string]int{}
			w.wall = func(from, to *fakeProbe, o probes.Order) way {
				// A hole is one of a pair and a port, and is not there every time.
				hole := chance(seed, from.namespace, to.namespace, o.Port)
				times[o.ID]++
				switch {
				case chance(seed, o.ID, times[o.ID]) < 3:
					return failed
				case hole < 20 && chance(seed, o.ID, times[o.ID], "open") < 70:
					return kinds[hole%len(kinds)]
				}
				return dropped
			}
			phase := random.IntN(14)
			i := 0
			victim, fate := random.IntN(9), random.IntN(6)
			w.hooks.phase = func(string) {
				w.mu.Lock()
				defer w.mu.Unlock()
				if i++; i != phase || victim >= len(w.pods) {
					return
				}
				switch f := w.pods[victim]; fate {
				case 0:
					f.boot, f.seq, f.receipts = "boot-2", 0, nil
				case 1:
					f.hide = f.seq + 1 + random.Uint64N(20)
				case 2:
					f.lost++
				case 3:
					f.cut = 1 + random.IntN(20)
				case 4:
					f.key = nil
				}
			}
			results, e := w.run(t.Context())
			w.requireClean(e)
			arrived := map[string]bool{}
			lane := func(r verdicts.Result) string { return fmt.Sprint(r.From.Namespace, r.To.Namespace, r.Port) }
			for id, r := range results {
				arrived[lane(r)] = arrived[lane(r)] || w.arrived[id]
			}
			for id, r := range results {
				mu.Lock()
				counts[r.Verdict]++
				mu.Unlock()
				if w.arrived[id] {
					require.NotEqual(t, verdicts.Isolated, r.Verdict, "seed %d fate %d phase %d: false green: %s: %s", seed, fate, phase, id, r.Why)
				}
				if !arrived[lane(r)] {
					require.NotEqual(t, verdicts.Leak, r.Verdict, "seed %d: false red: %s: %s", seed, id, r.Why)
				}
			}
		})
	}
	for _, v := range []verdicts.Verdict{verdicts.Isolated, verdicts.Leak, verdicts.Inconclusive} {
		assert.Greater(t, counts[v], 100, "%v: the test tries too little: %v", v, counts)
	}
}
