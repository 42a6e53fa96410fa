package e2e

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/verdicts"
)

const probeImage = "ghcr.io/partywall/probe:0.1.0"

func (w *world) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	w.t.Cleanup(cancel)
	return ctx
}

// withTenant is inconclusive for what goes from or to one tenant.
func withTenant(tenant string) want {
	return func(r verdicts.Result) verdicts.Verdict {
		if r.From.Tenant == tenant || r.To.Tenant == tenant {
			return verdicts.Inconclusive
		}
		return verdicts.Isolated
	}
}

func TestWithoutReceiptsNothingIsIsolated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.deletePolicy(w.tenants[0])
	results, _ := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
		o.TapReceipts = func([]probes.Receipt) []probes.Receipt { return nil }
	})
	w.requireResults(results, func(r verdicts.Result) verdicts.Verdict {
		if r.To.Tenant == w.tenants[0] {
			return verdicts.Leak // an answer is evidence enough of a leak
		}
		if r.Check == "icmp" {
			return verdicts.Isolated // as far as an echo tells, of which there are no receipts anyhow
		}
		return verdicts.Inconclusive
	})
	w.requireClean()
}

// A cut connection costs evidence at the worst: no cell turns into another
// verdict than it has without cuts.
func TestExecStreamsCutAtARandomByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.deletePolicy(w.tenants[0])
	cut := newCutter(t, rand.Uint64())
	cut.arm(12)
	results, _ := w.inProcess(w.context(), cut.config(), func(*runner.Options) {})
	require.Len(t, results, w.size())
	require.NotZero(t, cut.cuts.Load(), "nothing was cut")
	counts := map[verdicts.Verdict]int{}
	for _, r := range results {
		counts[r.Verdict]++
		if r.Verdict == verdicts.Inconclusive {
			continue
		}
		want := verdicts.Isolated
		if r.To.Tenant == w.tenants[0] {
			want = verdicts.Leak
		}
		assert.Equal(t, oneSided(r, want), r.Verdict, "%s: %s", r.ID, r.Why)
	}
	t.Logf("%d cuts, %v", cut.cuts.Load(), counts)
	w.requireClean()
}

// Streams that are all cut in the middle of a round are opened again, and what
// they did not answer is asked again.
func TestAllStreamsCutOnceInARound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	cut := newCutter(t, 1)
	results, _ := w.inProcess(w.context(), cut.config(), func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "round 2 of 2: 240 attempts", do: func() {
			time.AfterFunc(time.Second, func() { cut.cutAll(false) })
		}}
	})
	require.NotZero(t, cut.cuts.Load(), "nothing was cut")
	w.requireResults(results, allIsolated)
	w.requireClean()
}

// An API server that goes away leaves no evidence, no hang, and objects that
// `clean` finds later.
func TestAPIServerGoneInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	cut := newCutter(t, 1)
	results, evidence := w.inProcess(w.context(), cut.config(), func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "round 1 of 2: 240 attempts", do: func() { cut.cutAll(true) }}
	})
	w.requireResults(results, func(verdicts.Result) verdicts.Verdict { return verdicts.Inconclusive })
	require.NotEmpty(t, evidence.Left, "what could not be removed is named")

	cluster, err := runner.NewCluster(lab.runner, contextName)
	require.NoError(t, err)
	var namespaces []string
	for _, spaces := range w.spaces {
		namespaces = append(namespaces, spaces...)
	}
	runs, err := cluster.Find(w.context(), namespaces, "")
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.NoError(t, cluster.Remove(w.context(), runs[0]))
	w.requireClean()
}

func TestDeadTargetIsNoWall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	victim := w.tenants[0]
	ns := w.spaces[victim][0]
	results, _ := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "round 2 of 2: controls before", do: func() {
			zero := int64(0)
			require.NoError(t, lab.admin.CoreV1().Pods(ns).DeleteCollection(context.Background(),
				metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{LabelSelector: "partywall.dev/pod=target-0"}))
		}}
	})
	require.Len(t, results, w.size())
	for _, r := range results {
		dead := r.To.Tenant == victim && contains(r.ID, "/target-0/") || r.From.Tenant == victim
		if r.To.Tenant == victim && contains(r.ID, "/target-0/") && !noSCTP(r) {
			assert.Equal(t, verdicts.Inconclusive, r.Verdict, r.ID)
		}
		if !dead && r.To.Tenant != victim {
			assert.Equal(t, oneSided(r, verdicts.Isolated), r.Verdict, "%s: %s", r.ID, r.Why)
		}
		assert.NotEqual(t, verdicts.Leak, r.Verdict, r.ID)
	}
	w.requireClean()
}

func TestMissingProbesAreNotSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	o := w.run("--probe-image", "ghcr.io/partywall/nothing:0", "--deploy-timeout", "90s")
	require.Equal(t, 3, o.exit, o.stderr)
	w.requireMatrix(o, func(verdicts.Result) verdicts.Verdict { return verdicts.Inconclusive })
	require.Contains(t, o.record.Results[0].Why, "ghcr.io/partywall/nothing:0")
	w.requireClean()
}

// A tenant that lets nobody in, itself included, gives no evidence of being
// alive. Its own listener does, where the tenancy accepts that.
func TestTenantThatDeniesItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	shut := w.tenants[0]
	w.setPolicy(shut)
	o := w.run()
	require.Equal(t, 3, o.exit, o.stderr)
	w.requireMatrix(o, withTenant(shut))

	w.promises = append(w.promises, "weakControls: accepted")
	o = w.run()
	w.requireMatrix(o, allIsolated)
	require.Equal(t, 0, o.exit, o.stderr)
	for _, r := range o.record.Results {
		if r.Check == "icmp" || noSCTP(r) {
			continue // a kernel that answers its own pod would show nothing
		}
		if r.To.Tenant == shut {
			require.Equal(t, verdicts.RungListener, r.Evidence.Rounds[0].Control.Rung, r.ID)
			require.Contains(t, r.Why, "answered only the target itself", r.ID)
		}
		if r.From.Tenant == shut {
			require.Equal(t, verdicts.RungResolver, r.Evidence.Rounds[0].SourceRung, r.ID)
		}
	}
	w.requireClean()
}

func TestQuotaWithoutRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	poor := w.tenants[0]
	ns := w.spaces[poor][0]
	_, err := lab.admin.CoreV1().ResourceQuotas(ns).Create(context.Background(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small", Namespace: ns},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("3")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.awaitQuota(ns)
	o := w.run()
	require.Equal(t, 3, o.exit, o.stderr)
	w.requireMatrix(o, withTenant(poor))
	require.Contains(t, whyOf(o, poor), `resource quota `+ns+`/small has no room`)
	w.requireClean()
}

// What the quota look-ahead cannot see, the API server says.
func TestAdmissionRefusesTheProbe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	strict := w.tenants[0]
	ns := w.spaces[strict][0]
	_, err := lab.admin.CoreV1().LimitRanges(ns).Create(context.Background(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "tight", Namespace: ns},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Max: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
		}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	o := w.run()
	require.Equal(t, 3, o.exit, o.stderr)
	w.requireMatrix(o, withTenant(strict))
	require.Contains(t, whyOf(o, strict), "maximum memory usage per Container is 64Mi, but limit is 128Mi")
	w.requireClean()
}

func TestRightsThatAreMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	closed := w.tenants[0]
	ns := w.spaces[closed][0]
	require.NoError(t, lab.admin.RbacV1().RoleBindings(ns).Delete(context.Background(), "partywall-tenant", metav1.DeleteOptions{}))
	o := w.run()
	require.Equal(t, 3, o.exit, o.stderr)
	w.requireMatrix(o, withTenant(closed))
	require.Contains(t, o.stderr, "the runner lacks rights in namespace "+ns+": create jobs.batch")
	w.requireClean()
}

func whyOf(o outcome, tenant string) string {
	for _, r := range o.record.Results {
		if r.From.Tenant == tenant {
			return r.Why
		}
	}
	return ""
}

// awaitQuota watches until the quota controller has filled in a quota's status.
func (w *world) awaitQuota(ns string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	watcher, err := lab.admin.CoreV1().ResourceQuotas(ns).Watch(ctx, metav1.ListOptions{})
	require.NoError(w.t, err)
	defer watcher.Stop()
	for e := range watcher.ResultChan() {
		if q, ok := e.Object.(*corev1.ResourceQuota); ok && len(q.Status.Hard) > 0 {
			return
		}
	}
	w.t.Fatal("the quota's status was never filled in")
}
