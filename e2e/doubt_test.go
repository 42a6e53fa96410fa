package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// A hole that somebody closes between the rounds was a hole, and no passing
// weakness of pods that have just started.
func TestAHoleOfTheFirstRoundAloneFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	open := w.tenants[0]
	w.deletePolicy(open)
	results, evidence := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "waiting 10s before round 2", do: func() { w.wall(open) }}
	})
	w.requireResults(results, func(r verdicts.Result) verdicts.Verdict {
		if r.To.Tenant == open {
			return verdicts.Leak
		}
		return verdicts.Isolated
	})
	for _, r := range results {
		require.Equal(t, r.Verdict == verdicts.Leak && r.Check != "icmp", r.Fails, "%s: %s", r.ID, r.Why)
		require.False(t, r.Startup, r.ID)
	}
	require.Contains(t, evidence.Notes, "NetworkPolicy "+w.spaces[open][0]+"/"+wallName+" was created while the run was under way")
	w.requireClean()
}

// What changes and changes back is named, whoever's it is.
func TestAPolicyThatComesAndGoesIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns := w.spaces[w.tenants[0]][0]
	policies := lab.admin.NetworkingV1().NetworkPolicies(ns)
	_, evidence := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "waiting 10s before round 2", do: func() {
			ctx := context.Background()
			_, err := policies.Create(ctx, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "brief", Namespace: ns}}, metav1.CreateOptions{})
			assert.NoError(t, err)
			assert.NoError(t, policies.Delete(ctx, "brief", metav1.DeleteOptions{}))
			_, err = lab.admin.CoreV1().Namespaces().Patch(ctx, ns, types.MergePatchType, []byte(`{"metadata":{"labels":{"open":"yes"}}}`), metav1.PatchOptions{})
			assert.NoError(t, err)
		}}
	})
	for _, want := range []string{
		"NetworkPolicy " + ns + "/brief was created while the run was under way",
		"NetworkPolicy " + ns + "/brief was deleted while the run was under way",
		"Namespace " + ns + " changed while the run was under way",
	} {
		require.Contains(t, evidence.Notes, want)
	}
	w.requireClean()
}

// closeEgress lets the pods of a tenant reach only what these rules say.
func (w *world) closeEgress(tenant string, rules ...networkingv1.NetworkPolicyEgressRule) {
	w.t.Helper()
	for _, ns := range w.spaces[tenant] {
		_, err := lab.admin.NetworkingV1().NetworkPolicies(ns).Create(context.Background(), &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "egress", Namespace: ns},
			Spec: networkingv1.NetworkPolicySpec{
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: rules,
			},
		}, metav1.CreateOptions{})
		require.NoError(w.t, err)
	}
}

// A source that reaches nothing at all proves nothing by its failures, however
// weak the controls are that the file accepts.
func TestASourceThatReachesNothingProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	mute := w.tenants[0]
	w.closeEgress(mute)
	w.promises = append(w.promises, "weakControls: accepted")
	o := w.run()
	require.Equal(t, 3, o.exit, o.stderr)
	w.requireMatrix(o, func(r verdicts.Result) verdicts.Verdict {
		if r.From.Tenant == mute {
			return verdicts.Inconclusive
		}
		return verdicts.Isolated
	})
	w.requireClean()
}

// A tenant that may reach itself and nothing else, the resolver included, is
// judged all the same: its targets answer it by their addresses.
func TestEgressThatIsClosedToTheResolver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	locked := w.tenants[0]
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	o := w.run()
	w.requireMatrix(o, allIsolated)
	require.Equal(t, 0, o.exit, o.stderr)
	for _, r := range o.record.Results {
		if r.Address == suites.ServiceName && r.From.Tenant == locked {
			require.Equal(t, probes.Unresolved, r.Outcome, r.ID)
		}
		if r.Address == suites.ServiceName && r.To.Tenant == locked {
			require.Equal(t, suites.ServiceIP, r.Evidence.Rounds[0].Control.Address, r.ID)
		}
	}
	w.requireClean()
}

// sharedService makes a real service in a namespace of its own, which only one
// tenant may use.
func (w *world) sharedService(tenant string) (namespace string) {
	w.t.Helper()
	ctx := context.Background()
	namespace = strings.Replace(w.tenants[0], "0-", "s-", 1)
	_, err := lab.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = lab.admin.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}) })
	labels := map[string]string{"app": "audit"}
	_, err = lab.admin.AppsV1().Deployments(namespace).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "audit"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				TerminationGracePeriodSeconds: new(int64),
				Containers: []corev1.Container{{
					Name: "audit", Image: "docker.io/partywall-lab/prober:1", ImagePullPolicy: corev1.PullNever, Args: []string{"serve", "audit"},
				}},
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	_, err = lab.admin.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "audit"},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 8080}}},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	_, err = lab.admin.NetworkingV1().NetworkPolicies(namespace).Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: wallName},
		Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{w.peer(tenant)}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.extra = "shared:\n- {name: audit, namespace: " + namespace + ", service: audit, ports: [tcp/8080], tenants: [" + tenant + "]}\n"
	return namespace
}

// A shared service that answers nobody is broken for those who may use it, and
// no proof of a wall before those who may not.
func TestASharedServiceThatIsDeadIsNoWall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a, b := w.tenants[0], w.tenants[1]
	ns := w.sharedService(a)
	services := lab.admin.CoreV1().Services(ns)
	ctx := context.Background()
	alone := w.run("--only", "network/tcp/"+b+"*->audit.*")
	require.Equal(t, 0, alone.exit, "somebody who may is there to control it, also where it alone is tried: %s", alone.stderr)
	for _, r := range alone.record.Results {
		require.Equal(t, verdicts.Unreached, r.Verdict, r.Why)
	}
	for _, step := range []struct {
		name     string
		mutate   func()
		ofA, ofB verdicts.Verdict
		exit     int
	}{
		{"alive, behind its wall", func() {}, verdicts.Allowed, verdicts.Unreached, 0},
		{"its wall taken down", func() {
			require.NoError(t, lab.admin.NetworkingV1().NetworkPolicies(ns).Delete(ctx, wallName, metav1.DeleteOptions{}))
		}, verdicts.Allowed, verdicts.Leak, 1},
		{"no pod behind it", func() {
			_, err := services.Patch(ctx, "audit", types.MergePatchType, []byte(`{"spec":{"selector":{"app":"nothing"}}}`), metav1.PatchOptions{})
			require.NoError(t, err)
		}, verdicts.Broken, verdicts.Inconclusive, 1},
		{"no Service", func() { require.NoError(t, services.Delete(ctx, "audit", metav1.DeleteOptions{})) },
			verdicts.Broken, verdicts.Inconclusive, 1},
	} {
		step.mutate()
		o := w.run()
		for _, r := range o.record.Results {
			want := oneSided(r, verdicts.Isolated)
			switch {
			case r.Service != "" && r.From.Tenant == a:
				want = step.ofA
			case r.Service != "" && r.From.Tenant == b:
				want = step.ofB
			}
			require.Equal(t, want, r.Verdict, "%s: %s: %s", step.name, r.ID, r.Why)
		}
		require.Equal(t, step.exit, o.exit, "%s: %s", step.name, o.stderr)
	}
	w.requireClean()
}

// A pod and a Service that only carry a run's labels are not the run's: it
// takes no orders, its end is not waited for, and nothing deletes them.
func TestStrangersWithARunsLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns := w.spaces[w.tenants[0]][0]
	w.id = runner.NewID()
	ctx := context.Background()
	labels := map[string]string{
		"app.kubernetes.io/managed-by": "partywall", "partywall.dev/run": w.id, "partywall.dev/pod": "target-0",
		batchv1.JobNameLabel: "partywall-" + w.id + "-target-0",
	}
	_, err := lab.admin.CoreV1().Pods(ns).Create(ctx, restrictedPod("stranger", labels), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = lab.admin.CoreV1().Services(ns).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "my-own-db", Labels: labels},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	results, evidence := w.inProcess(w.context(), lab.runner, func(*runner.Options) {})
	require.Empty(t, evidence.Left)
	for _, r := range results {
		if r.To.Namespace != ns || r.Address == suites.PodIP {
			require.Equal(t, oneSided(r, verdicts.Isolated), r.Verdict, "%s: %s", r.ID, r.Why)
		}
		require.NotEqual(t, verdicts.Leak, r.Verdict, "%s: %s", r.ID, r.Why)
	}
	require.Contains(t, strings.Join(evidence.Notes, "\n"), "pod "+ns+"/stranger carries this run's labels")
	require.ElementsMatch(t, []string{"pod/stranger", "service/my-own-db"}, leftovers(t, ns))
	require.NoError(t, lab.admin.CoreV1().Services(ns).Delete(ctx, "my-own-db", metav1.DeleteOptions{}))
	require.NoError(t, lab.admin.CoreV1().Pods(ns).Delete(ctx, "stranger", metav1.DeleteOptions{}))
	require.Empty(t, leftovers(t, ns))
}

// A node that tenants may tolerate is one that they can be attacked from, or
// on: what is not tried there is not green. (Not in parallel: the taint is for
// everybody.)
func TestANodeThatTakesNoProbesIsNotForgotten(t *testing.T) {
	w := newWorld(t, 2)
	ctx := context.Background()
	nodes, err := lab.admin.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	last := nodes.Items[len(nodes.Items)-1].Name
	taint := func(taints string) {
		_, err := lab.admin.CoreV1().Nodes().Patch(ctx, last, types.MergePatchType, []byte(`{"spec":{"taints":`+taints+`}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	taint(`[{"key":"dedicated","value":"gpu","effect":"NoSchedule"}]`)
	defer taint("null")
	o := w.run()
	require.Equal(t, 3, o.exit, o.stderr)
	w.requireMatrix(o, func(r verdicts.Result) verdicts.Verdict {
		if r.Placement == suites.CrossNode {
			return verdicts.Inconclusive
		}
		return verdicts.Isolated
	})
	w.requireClean()
}

// What keeps everybody from everybody in the second round shows no wall that
// was late in the first.
func TestANetworkThatDiesIsNoWallThatWasLate(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, 2)
	ctx := context.Background()
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			_, err := lab.admin.NetworkingV1().NetworkPolicies(ns).Create(ctx, &networkingv1.NetworkPolicy{
				ObjectMeta: metav1.ObjectMeta{Name: "quarantine"},
				Spec: networkingv1.NetworkPolicySpec{
					PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"quarantine": "true"}},
					PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
				},
			}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
	}
	results, evidence := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "round 1 of 2: receipts", do: func() { w.labelProbes(`{"metadata":{"labels":{"quarantine":"true"}}}`) }}
	})
	w.requireResults(results, func(verdicts.Result) verdicts.Verdict { return verdicts.Leak })
	for _, r := range results {
		require.True(t, r.Fails || r.Check == "icmp" || noSCTP(r), "%s: %s", r.ID, r.Why)
	}
	require.Contains(t, strings.Join(evidence.Notes, "\n"), "Pod "+w.spaces[w.tenants[0]][0]+"/partywall-"+w.id)
	w.requireClean()
}

func (w *world) labelProbes(patch string) {
	ctx := context.Background()
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			pods, err := lab.admin.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "partywall.dev/run=" + w.id})
			assert.NoError(w.t, err)
			for _, p := range pods.Items {
				_, err := lab.admin.CoreV1().Pods(ns).Patch(ctx, p.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
				assert.NoError(w.t, err)
			}
		}
	}
}

// One endpoint of a shared service that is open is a way in, however many are
// closed.
func TestOneOpenEndpointOfASharedService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns := w.sharedService(w.tenants[0])
	open := restrictedPod("open", map[string]string{"app": "audit", "open": "yes"})
	_, err := lab.admin.CoreV1().Pods(ns).Create(context.Background(), open, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = lab.admin.NetworkingV1().NetworkPolicies(ns).Create(context.Background(), &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "open"},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"open": "yes"}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: []networkingv1.NetworkPolicyIngressRule{{}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = lab.admin.AppsV1().Deployments(ns).Patch(context.Background(), "audit", types.MergePatchType, []byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	o := w.run()
	for _, r := range o.record.Results {
		if r.Service != "" && r.From.Tenant == w.tenants[1] {
			require.True(t, r.Verdict == verdicts.Leak && r.Fails, r.Why)
		}
	}
	require.Equal(t, 1, o.exit, o.stderr)
	w.requireClean()
}
