package e2e

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// deploy makes a workload with labels of its own, those that probes have too
// among them, and a service account, and waits until it runs.
func (w *world) deploy(ns, app string) {
	w.t.Helper()
	ctx := context.Background()
	labels := map[string]string{"app": app, "app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "Helm"}
	pod := restrictedPod(app, labels, corev1.ContainerPort{ContainerPort: 8080})
	pod.Spec.ServiceAccountName = app + "-account"
	_, err := lab.admin.CoreV1().ServiceAccounts(ns).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: app + "-account"}}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	_, err = lab.admin.AppsV1().Deployments(ns).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	_, err = lab.admin.CoreV1().Services(ns).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": app}, Ports: []corev1.ServicePort{{Port: 8080}}},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.awaitDeployed(ns, app)
}

func (w *world) awaitDeployed(ns, name string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	watcher, err := lab.admin.AppsV1().Deployments(ns).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	require.NoError(w.t, err)
	defer watcher.Stop()
	for e := range watcher.ResultChan() {
		if d, ok := e.Object.(*appsv1.Deployment); ok && d.Status.AvailableReplicas == 1 {
			return
		}
	}
	w.t.Fatalf("Deployment %s/%s was never available", ns, name)
}

// shadow lists workloads of a namespace in the tenancy file, and lets the
// runner look at what that takes.
func (w *world) shadow(ns string, workloads ...string) {
	w.t.Helper()
	w.extra += "shadows:\n"
	for _, workload := range workloads {
		w.extra += "- {namespace: " + ns + ", workload: " + workload + "}\n"
	}
	_, err := lab.admin.RbacV1().RoleBindings(ns).Create(context.Background(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "partywall-shadows"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "partywall-shadows"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: runnerAccount, Namespace: runnerNamespace}},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
}

// policy makes one for the pods of an app; with no rule nobody may come in.
func (w *world) policy(ns, name, app string, rules ...networkingv1.NetworkPolicyIngressRule) {
	w.t.Helper()
	_, err := lab.admin.NetworkingV1().NetworkPolicies(ns).Create(context.Background(), &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: rules,
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
}

// requirePlaces holds the whole matrix of so many places in all against what
// it ought to be.
func (w *world) requirePlaces(o outcome, attempts int, want want) {
	w.t.Helper()
	require.Len(w.t, o.record.Results, attempts)
	w.requireVerdicts(o.record.Results, want.atBest)
}

// onlookers watch a workload's Service and the shadows of it all through a test.
type onlookers struct {
	mu      sync.Mutex
	slices  int             // with an endpoint of a shadow, none of them ready
	wrong   []string        // what must never be
	shadows map[string]bool // by name
	ips     map[string]bool
}

func lookAt(t *testing.T, ns, service string) *onlookers {
	t.Helper()
	l := &onlookers{shadows: map[string]bool{}, ips: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	endpoints, err := lab.admin.DiscoveryV1().EndpointSlices(ns).Watch(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	require.NoError(t, err)
	pods, err := lab.admin.CoreV1().Pods(ns).Watch(ctx, metav1.ListOptions{LabelSelector: "partywall.dev/run,app=" + service})
	require.NoError(t, err)
	for watcher, see := range map[watch.Interface]func(watch.Event){endpoints: l.endpoints, pods: l.pod} {
		wg.Go(func() {
			for e := range watcher.ResultChan() {
				see(e)
			}
		})
	}
	return l
}

func (l *onlookers) endpoints(e watch.Event) {
	slice, ok := e.Object.(*discoveryv1.EndpointSlice)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range slice.Endpoints {
		if p.TargetRef == nil || !strings.HasPrefix(p.TargetRef.Name, "partywall-") {
			continue
		}
		l.slices++
		if p.Conditions.Ready == nil || *p.Conditions.Ready || p.Conditions.Serving == nil || *p.Conditions.Serving {
			l.wrong = append(l.wrong, "a ready endpoint: "+p.TargetRef.Name)
		}
	}
}

func (l *onlookers) pod(e watch.Event) {
	pod, ok := e.Object.(*corev1.Pod)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shadows[pod.Name] = true
	for _, c := range pod.Status.Conditions {
		if (c.Type == corev1.PodReady || c.Type == corev1.ContainersReady) && c.Status == corev1.ConditionTrue {
			l.wrong = append(l.wrong, "ready: "+pod.Name)
		}
	}
	if owner := metav1.GetControllerOf(pod); owner == nil || owner.Kind != "Job" {
		l.wrong = append(l.wrong, "not its Job's: "+pod.Name)
	}
	if pod.Labels["pod-template-hash"] != "" || pod.Spec.ServiceAccountName != "db-account" {
		l.wrong = append(l.wrong, "labels or account: "+pod.Name)
	}
	for _, v := range pod.Spec.Volumes {
		if v.EmptyDir == nil {
			l.wrong = append(l.wrong, "a volume: "+pod.Name+" "+v.Name)
		}
	}
}

// A policy that selects a workload by its labels shows on its shadow alone,
// which no Service of the workload ever sends anybody to.
func TestAShadowMeetsItsWorkloadsPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns := w.spaces[w.tenants[0]][0]
	w.deploy(ns, "db")
	w.shadow(ns, "Deployment/db")
	look := lookAt(t, ns, "db")
	whole := w.size() * 2 // the one namespace of the first tenant counts as two places

	o := w.run("--targets", "shadows")
	w.requirePlaces(o, whole, allIsolated)
	require.Equal(t, 0, o.exit, o.stderr)
	require.Equal(t, o.record.Summary.Sensitivity.Controls, o.record.Summary.Sensitivity.Reached)

	w.policy(ns, "db-for-all", "db", networkingv1.NetworkPolicyIngressRule{})
	w.requireMatrix(w.run(), allIsolated)
	o = w.run("--targets", "shadows")
	w.requirePlaces(o, whole, func(r verdicts.Result) verdicts.Verdict {
		if r.To.Workload != "" {
			return verdicts.Leak
		}
		return verdicts.Isolated
	})
	require.Equal(t, 1, o.exit, o.stderr)
	require.Contains(t, o.stdout, w.tenants[0]+" ("+ns+"/Deployment/db)")

	require.NoError(t, lab.admin.NetworkingV1().NetworkPolicies(ns).Delete(context.Background(), "db-for-all", metav1.DeleteOptions{}))
	w.requirePlaces(w.run("--targets", "shadows"), whole, allIsolated)
	w.requireClean()

	look.mu.Lock()
	defer look.mu.Unlock()
	assert.Empty(t, look.wrong)
	assert.Len(t, look.shadows, 9, "three in each of three runs")
	assert.NotZero(t, look.slices, "the Service of the workload selects them, so that not being ready is what keeps them out")
}

// A shadow is controlled by whoever may reach the workload. What nobody may
// reach, and what may reach nobody, proves nothing.
func TestAShadowThatOnlyItsClientReaches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	tenant := w.tenants[0]
	ns := w.spaces[tenant][0]
	w.deploy(ns, "db")
	w.deploy(ns, "web")
	w.setPolicy(tenant) // nobody comes in
	w.policy(ns, "db-from-web", "db", networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{
		{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}})
	w.shadow(ns, "Deployment/db", "Deployment/web")
	o := w.run("--targets", "shadows")
	w.requirePlaces(o, w.size()*3, func(r verdicts.Result) verdicts.Verdict {
		if r.To.Workload == "Deployment/db" || r.From.Workload == "Deployment/web" {
			return verdicts.Isolated
		}
		return verdicts.Inconclusive
	})
	w.requireClean()
}

func TestAShadowIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns := w.spaces[w.tenants[0]][0]
	w.deploy(ns, "db")
	w.shadow(ns, "Deployment/db")
	w.address = suites.PodIP
	results, _ := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "round 2 of 2: controls before", do: func() {
			zero := int64(0)
			require.NoError(t, lab.admin.CoreV1().Pods(ns).DeleteCollection(context.Background(),
				metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{LabelSelector: "partywall.dev/run,app=db"}))
		}}
	})
	w.requireOnlyShadowsInDoubt(results, "")
	w.requireClean()
}

// requireOnlyShadowsInDoubt holds a run by pod IP in which one workload's
// shadow, of one namespace of two, shows nothing, for a reason.
func (w *world) requireOnlyShadowsInDoubt(results []verdicts.Result, why string) {
	w.t.Helper()
	require.Len(w.t, results, w.size()*2*8/20, "by one address")
	for _, r := range results {
		want := oneSided(r, verdicts.Isolated)
		if !noSCTP(r) && (r.From.Workload != "" || r.To.Workload != "") {
			want = verdicts.Inconclusive
			assert.Contains(w.t, r.Why, why, r.ID)
		}
		assert.Equal(w.t, want, r.Verdict, "%s: %s", r.ID, r.Why)
	}
}

// A workload that is not what it was when the run was planned gets no shadow.
func TestAWorkloadThatChangesBeforeTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns := w.spaces[w.tenants[0]][0]
	w.deploy(ns, "db")
	w.shadow(ns, "Deployment/db")
	w.address = suites.PodIP
	ctx := context.Background()
	for _, step := range []struct {
		change func() error
		why    string
	}{
		{func() error {
			patch := `{"spec":{"template":{"metadata":{"labels":{"tier":"data"}}}}}`
			_, err := lab.admin.AppsV1().Deployments(ns).Patch(ctx, "db", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
			return err
		}, ns + "/Deployment/db was changed since the run was planned: its pods had the labels app=db,"},
		{func() error { return lab.admin.AppsV1().Deployments(ns).Delete(ctx, "db", metav1.DeleteOptions{}) },
			"there can be no shadow of " + ns + "/Deployment/db: there is no Deployment db in namespace " + ns},
	} {
		results, _ := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
			o.Progress = hook{t: t, phase: "checking rights", do: func() { require.NoError(t, step.change()) }}
		})
		w.requireOnlyShadowsInDoubt(results, step.why)
		w.requireClean()
	}
}

// Whatever would count a shadow among the workload's pods, or send it traffic,
// forbids it by name, and nothing is created.
func TestWhatForbidsAShadow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns := w.spaces[w.tenants[0]][0]
	w.deploy(ns, "db")
	w.shadow(ns, "Deployment/db")
	ctx := context.Background()
	for _, step := range []struct {
		name, want   string
		make, remove func() error
	}{
		{"a budget", "PodDisruptionBudget " + ns + "/keep selects its labels", func() error {
			_, err := lab.admin.PolicyV1().PodDisruptionBudgets(ns).Create(ctx, &policyv1.PodDisruptionBudget{
				ObjectMeta: metav1.ObjectMeta{Name: "keep"},
				Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}},
			}, metav1.CreateOptions{})
			return err
		}, func() error {
			return lab.admin.PolicyV1().PodDisruptionBudgets(ns).Delete(ctx, "keep", metav1.DeleteOptions{})
		}},
		{"an autoscaler", "HorizontalPodAutoscaler " + ns + "/grow scales it", func() error {
			_, err := lab.admin.AutoscalingV2().HorizontalPodAutoscalers(ns).Create(ctx, &autoscalingv2.HorizontalPodAutoscaler{
				ObjectMeta: metav1.ObjectMeta{Name: "grow"},
				Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 2, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{
					APIVersion: "apps/v1", Kind: "Deployment", Name: "db"}},
			}, metav1.CreateOptions{})
			return err
		}, func() error {
			return lab.admin.AutoscalingV2().HorizontalPodAutoscalers(ns).Delete(ctx, "grow", metav1.DeleteOptions{})
		}},
		{"a Service", "Service " + ns + "/peers selects its labels and publishes what is not ready", func() error {
			_, err := lab.admin.CoreV1().Services(ns).Create(ctx, &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: "peers"},
				Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, PublishNotReadyAddresses: true,
					Selector: map[string]string{"app": "db"}, Ports: []corev1.ServicePort{{Port: 8080}}},
			}, metav1.CreateOptions{})
			return err
		}, func() error { return lab.admin.CoreV1().Services(ns).Delete(ctx, "peers", metav1.DeleteOptions{}) }},
		{"no right to look", "it may not be looked at", func() error {
			return lab.admin.RbacV1().RoleBindings(ns).Delete(ctx, "partywall-shadows", metav1.DeleteOptions{})
		}, func() error { return nil }},
	} {
		require.NoError(t, step.make(), step.name)
		c, _ := w.command(lab.kubeconfig, "--targets", "shadows")
		out, err := c.CombinedOutput()
		exited := (*exec.ExitError)(nil)
		require.ErrorAs(t, err, &exited, "%s: %s", step.name, out)
		assert.Equal(t, 2, exited.ExitCode(), "%s: %s", step.name, out)
		assert.Contains(t, string(out), "shadow "+ns+"/Deployment/db: "+step.want, step.name)
		w.requireClean()
		require.NoError(t, step.remove(), step.name)
	}
}

// A policy that lets one workload out shows on its shadow alone.
func TestAShadowsWaysOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	locked := w.tenants[0]
	ns := w.spaces[locked][0]
	w.deploy(ns, "db")
	w.shadow(ns, "Deployment/db")
	w.promises = []string{"egress: {internet: denied, " + outsideHosts + "}"}
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	requireWays := func(out bool) {
		o := w.run("--suite", "egress", "--targets", "shadows", "--only", "egress/internet/*/address:*")
		require.Len(t, o.record.Results, 4*2, "four places, two addresses")
		for _, r := range o.record.Results {
			want := verdicts.Leak
			if r.From.Tenant == locked && (r.From.Workload == "" || !out) {
				want = verdicts.Unreached
			}
			require.Equal(t, want, r.Verdict, "%s: %s", r.ID, r.Why)
		}
		w.requireClean()
	}
	requireWays(false)
	policies := lab.admin.NetworkingV1().NetworkPolicies(ns)
	_, err := policies.Create(context.Background(), &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "db-out"},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: []networkingv1.NetworkPolicyEgressRule{{}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	requireWays(true)
	require.NoError(t, policies.Delete(context.Background(), "db-out", metav1.DeleteOptions{}))
	requireWays(false)
}
