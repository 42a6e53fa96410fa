package e2e

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// PARTYWALL_SEED is what the worlds are drawn from, and PARTYWALL_WORLDS how
// many there are.
const (
	envSeed       = "PARTYWALL_SEED"
	envWorlds     = "PARTYWALL_WORLDS"
	defaultSeed   = 3 // whose worlds have every manner
	defaultWorlds = 4
)

// Walls can be written in many ways, and holes in more. Whatever a world is
// made of, each of its cells has the verdict that its policies give it by the
// words of the NetworkPolicy API, and each leak is told what lets it in.
func TestGeneratedWorlds(t *testing.T) {
	t.Parallel()
	seed, count := numberFrom(t, envSeed, defaultSeed), numberFrom(t, envWorlds, defaultWorlds)
	again := fmt.Sprintf("%s=%d %s=%d makes these worlds again", envSeed, seed, envWorlds, count)
	var cells atomic.Int64
	t.Cleanup(func() { t.Logf("%d cells of %d worlds compared; %s", cells.Load(), count, again) })
	for i, b := range blueprints(seed, int(count)) {
		t.Run(fmt.Sprintf("world-%d", i), func(t *testing.T) {
			t.Parallel()
			g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(i)+1)), world: bareWorld(t, b.tenants)}
			g.build(b)
			cells.Add(int64(g.compare(again)))
		})
	}
}

func numberFrom(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	require.NoError(t, err, name)
	return n
}

// compare holds each cell of a run's matrix against the truth; it says how many
// there were. What is wrong once is wrong. A cell without evidence, as a machine
// that is short of time leaves some, is nothing worse, and is tried again.
func (w *world) compare(again string) int {
	w.t.Helper()
	settled, missing := map[string]bool{}, []string{}
	for range 3 {
		results, truth := w.observed(w.context())
		require.GreaterOrEqual(w.t, len(results), w.size()*18/20)
		w.requireClean()
		counts, wrong := map[verdicts.Verdict]int{}, []string{}
		missing = nil
		for _, r := range results {
			want := truth.verdict(r)
			counts[want]++
			told := fmt.Sprintf("%s: want %s, got %s: %s", r.ID, want, r.Verdict, r.Why)
			switch {
			case want == verdicts.Leak && r.Verdict == want && (r.Cause == "" || strings.Contains(r.Cause, "by their words")):
				wrong = append(wrong, fmt.Sprintf("%s: what lets it in is not told, but %q", r.ID, r.Cause))
			case r.Verdict == want:
				settled[r.ID] = true
			case r.Verdict != verdicts.Inconclusive:
				wrong = append(wrong, told)
			case !settled[r.ID]:
				missing = append(missing, told)
			}
		}
		w.t.Logf("%d cells: %v, and %d of them without evidence yet", len(results), counts, len(missing))
		require.Empty(w.t, wrong[:min(len(wrong), 20)], "%d of %d cells are wrong; %s", len(wrong), len(results), again)
		if len(missing) == 0 {
			return len(results)
		}
	}
	require.Empty(w.t, missing[:min(len(missing), 20)], "%d cells have no evidence; %s", len(missing), again)
	return 0
}

// observed is a run of the network suite, with the ports that the world's
// objects name, as the command line does it; and what the API server knew
// while its probes stood.
func (w *world) observed(ctx context.Context) ([]verdicts.Result, *truth) {
	w.t.Helper()
	cluster, found := w.discover(ctx, lab.runner)
	tenancy.Observe(ctx, cluster.Client, found, tenancy.Observing{Ports: tenancy.DefaultPorts, Tried: network.Ports})
	truth := &truth{ports: map[string][]port{}}
	for _, tenant := range found.Tenants {
		for _, p := range network.Ports(found, tenant) {
			truth.ports[tenant.Name] = append(truth.ports[tenant.Name], port{corev1.Protocol(strings.ToUpper(p.Protocol)), int32(p.Number)})
		}
	}
	w.id = runner.NewID()
	results, _ := w.runOn(ctx, cluster, found, func(o *runner.Options) {
		o.Progress = hook{t: w.t, phase: "round 1 of 2: controls before", do: func() { truth.take(ctx, w) }}
	})
	truth.blind = w.sensitivity.Reached == 0
	// What policies make of ICMP, the NetworkPolicy API leaves open.
	return slices.DeleteFunc(results, func(r verdicts.Result) bool { return r.Check == "icmp" || noSCTP(r) }), truth
}

// truth knows which verdict a cell must have.
type truth struct {
	*facts
	probes    []*corev1.Pod // in the order of their slots
	resolvers []*corev1.Pod
	tenants   map[string]string // of namespaces
	ports     map[string][]port // that are tried on a tenant
	blind     bool              // no control of the run was answered
}

const labelSlot = "partywall.dev/pod"

func (f *truth) take(ctx context.Context, w *world) {
	f.facts, f.tenants = w.factsOf(ctx), map[string]string{}
	for tenant, spaces := range w.spaces {
		for _, ns := range spaces {
			f.tenants[ns] = tenant
		}
	}
	for _, p := range f.pods {
		switch {
		case p.Labels["partywall.dev/run"] == w.id:
			f.probes = append(f.probes, p)
		case p.Namespace == metav1.NamespaceSystem:
			f.resolvers = append(f.resolvers, p)
		}
	}
	order := map[string]int{"target-0": 0, "target-1": 1, "source": 2}
	slices.SortFunc(f.probes, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(order[a.Labels[labelSlot]], order[b.Labels[labelSlot]]))
	})
}

// verdict is that which the cell of a result must have. What gets through
// leaks, but by a name only if the source can ask for it: one that it cannot
// use says nothing, beside an address that leaks. What does not is isolated
// where both ends can be shown alive by what the tenants may do themselves.
func (f *truth) verdict(r verdicts.Result) verdicts.Verdict {
	from, to := f.pods[r.From.Namespace+"/"+r.From.Pod], f.pods[r.To.Namespace+"/"+r.To.Pod]
	p := port{corev1.Protocol(strings.ToUpper(r.Protocol)), int32(r.Port)}
	switch {
	case f.passes(from, to, p) && r.Address.ByName() && !f.resolves(from):
		return verdicts.Inconclusive
	case f.passes(from, to, p):
		return verdicts.Leak
	case f.blind || !f.reachesAnything(from) || !f.answersItsOwn(from.Spec.NodeName, to, p):
		return verdicts.Inconclusive
	}
	return verdicts.Isolated
}

func (f *truth) resolves(from *corev1.Pod) bool {
	return slices.ContainsFunc(f.resolvers, func(r *corev1.Pod) bool { return f.passes(from, r, port{udp, 53}) })
}

// answersItsOwn says whether a target answers its own tenant from a node: its
// own namespace's probe there, or the first of another namespace's.
func (f *truth) answersItsOwn(node string, to *corev1.Pod, p port) bool {
	asked := map[string]bool{}
	for _, q := range f.probes {
		if q == to || q.Spec.NodeName != node || f.tenants[q.Namespace] != f.tenants[to.Namespace] || asked[q.Namespace] {
			continue
		}
		asked[q.Namespace] = true
		if f.passes(q, to, p) {
			return true
		}
	}
	return false
}

// reachesAnything says whether a source reaches a target of its own tenant: in
// its own namespace on the ports that every target has, and elsewhere on those
// on which it stands control, which is not from the second target's own node.
func (f *truth) reachesAnything(from *corev1.Pod) bool {
	tenant := f.tenants[from.Namespace]
	for _, to := range f.probes {
		if to == from || f.tenants[to.Namespace] != tenant || to.Labels[labelSlot] == "source" {
			continue
		}
		if to.Namespace != from.Namespace && to.Labels[labelSlot] == "target-1" && to.Spec.NodeName == from.Spec.NodeName {
			continue
		}
		for _, p := range f.ports[tenant] {
			if f.passes(from, to, p) {
				return true
			}
		}
	}
	return false
}
