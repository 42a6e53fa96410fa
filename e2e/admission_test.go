package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/verdicts"
)

const (
	admissionRole = "partywall-admission"
	enforce       = "pod-security.kubernetes.io/enforce"
)

// Whether a tenant may have a pod on its node's network: each hole shows in its
// own namespace alone, and what keeps the question from being answered is no
// wall.
func TestPodsOnTheirNodesNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a, b, c := w.spaces[w.tenants[0]][0], w.spaces[w.tenants[1]][0], w.spaces[w.tenants[1]][1]
	one := func(ns string, v, others verdicts.Verdict) want {
		return func(r verdicts.Result) verdicts.Verdict {
			if r.From.Namespace == ns {
				return v
			}
			return others
		}
	}
	ask := func(exit int, want want) outcome {
		t.Helper()
		o := w.run("--suite", "admission")
		require.Len(t, o.record.Results, 3)
		w.requireVerdicts(o.record.Results, want)
		require.Equal(t, exit, o.exit, o.stderr)
		require.NotContains(t, o.stderr, "would violate PodSecurity", "a warning that the question provokes")
		return o
	}

	// Without the right it is skipped, for a reason that is told, and changes no exit code.
	o := w.run("--suite", "network,admission", "--only", "network/tcp/*/pod-ip:*/same-node/*", "--only", "admission/*")
	require.Equal(t, 0, o.exit, o.stderr)
	w.requireVerdicts(ofSuite("network", o.record.Results), allIsolated)
	skipped := ofSuite("admission", o.record.Results)
	require.Len(t, skipped, 3)
	w.requireVerdicts(skipped, func(verdicts.Result) verdicts.Verdict { return verdicts.Skipped })
	const why = "the runner may not create pods in namespace "
	junit, err := os.ReadFile(filepath.Join(o.out, "junit.xml"))
	require.NoError(t, err)
	require.Contains(t, string(junit), why+a)
	w.promises = []string{"admission: {hostNetwork: denied}"}
	o = ask(3, func(verdicts.Result) verdicts.Verdict { return verdicts.Inconclusive })
	require.Contains(t, o.record.Results[0].Why, why)
	w.promises = nil

	for _, ns := range []string{a, b, c} {
		w.letAsk(ns)
	}
	ask(0, allIsolated)

	w.enforce(a, "")
	w.enforce(b, "baseline")
	o = ask(1, one(a, verdicts.Leak, verdicts.Isolated))
	require.Contains(t, o.stdout, "Remedy: label namespace "+a)

	// A policy will do as well.
	remove := w.refuseHostNetwork(a)
	o = ask(0, allIsolated)
	require.Contains(t, o.record.Results[0].Why, "no such pod in "+a)
	remove()
	w.awaitPod(hostPod(a), true, "")

	// A quota that is full, a webhook that is down, and a right that is taken away.
	w.promises = []string{"admission: {hostNetwork: denied}"}
	_, err = lab.admin.CoreV1().ResourceQuotas(a).Create(context.Background(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.awaitPod(plainPod(a), false, "exceeded quota")
	w.breakWebhook(b)
	require.NoError(t, lab.admin.RbacV1().RoleBindings(c).Delete(context.Background(), admissionRole, metav1.DeleteOptions{}))
	w.awaitRight(c, false)
	o = ask(3, func(verdicts.Result) verdicts.Verdict { return verdicts.Inconclusive })
	whys := map[string]string{}
	for _, r := range o.record.Results {
		whys[r.From.Namespace] = r.Why
	}
	require.Contains(t, whys[a], "exceeded quota")
	require.Contains(t, whys[b], "failed calling webhook")
	require.Contains(t, whys[c], why)
	w.requireClean()
}

// With the fence up the right to create pods is one to ask for them.
func TestTheFenceLetsPodsThroughAsDryRunsAlone(t *testing.T) {
	w := newWorld(t, 2)
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			w.letAsk(ns)
		}
	}
	runner := fence(t, w)
	ctx := context.Background()
	ns := w.spaces[w.tenants[0]][0]
	create := func(options metav1.CreateOptions, change func(*corev1.Pod)) error {
		pod := plainPod(ns)
		change(pod)
		_, err := runner.CoreV1().Pods(ns).Create(ctx, pod, options)
		return err
	}
	same := func(*corev1.Pod) {}
	require.NoError(t, create(dryRun, same))
	for name, err := range map[string]error{
		"in earnest":        create(metav1.CreateOptions{}, same),
		"another name":      create(dryRun, func(p *corev1.Pod) { p.Name = "innocent" }),
		"without the label": create(dryRun, func(p *corev1.Pod) { p.Labels = nil }),
	} {
		require.True(t, fenced(err), "%s: %v", name, err)
	}
	o := w.run("--suite", "admission")
	w.requireVerdicts(o.record.Results, allIsolated)
	require.Equal(t, 0, o.exit, o.stderr)
	w.enforce(ns, "")
	o = w.run("--suite", "admission")
	require.Equal(t, 1, o.exit, o.stderr)
	w.requireClean()
}

// letAsk gives the runner the right to ask in a namespace.
func (w *world) letAsk(ns string) {
	w.t.Helper()
	_, err := lab.admin.RbacV1().RoleBindings(ns).Create(context.Background(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: admissionRole},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: admissionRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: runnerAccount, Namespace: runnerNamespace}},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.awaitRight(ns, true)
}

func (w *world) awaitRight(ns string, want bool) {
	w.t.Helper()
	runner, err := kubernetes.NewForConfig(lab.runner)
	require.NoError(w.t, err)
	w.await(func(ctx context.Context) bool {
		got, err := runner.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: ns, Verb: "create", Resource: "pods",
			}},
		}, metav1.CreateOptions{})
		return err == nil && got.Status.Allowed == want
	})
}

func (w *world) await(done func(context.Context) bool) {
	w.t.Helper()
	require.NoError(w.t, wait.PollUntilContextTimeout(context.Background(), 100*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) { return done(ctx), nil }))
}

// enforce sets the Pod Security Standard of a namespace; empty takes it off.
func (w *world) enforce(ns, level string) {
	w.t.Helper()
	value := `"` + level + `"`
	if level == "" {
		value = "null"
	}
	_, err := lab.admin.CoreV1().Namespaces().Patch(context.Background(), ns, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+enforce+`":`+value+`}}}`), metav1.PatchOptions{})
	require.NoError(w.t, err)
	w.awaitPod(hostPod(ns), level == "", "")
}

// plainPod is the pod that a run asks for.
func plainPod(ns string) *corev1.Pod {
	pod := manifests.PlainPod()
	pod.Name, pod.Namespace, pod.Spec.Containers[0].Image = "partywall-00000000-admission", ns, probeImage
	return pod
}

// hostPod is the one that no tenant ought to have.
func hostPod(ns string) *corev1.Pod {
	pod := plainPod(ns)
	pod.Spec.HostNetwork = true
	return pod
}

// awaitPod waits until admission lets a pod in, or refuses it in some words.
func (w *world) awaitPod(pod *corev1.Pod, admitted bool, words string) {
	w.t.Helper()
	config := rest.CopyConfig(lab.config)
	config.WarningHandler = rest.NoWarnings{}
	admin, err := kubernetes.NewForConfig(config)
	require.NoError(w.t, err)
	w.await(func(ctx context.Context) bool {
		_, err := admin.CoreV1().Pods(pod.Namespace).Create(ctx, pod, dryRun)
		return err == nil && admitted || err != nil && !admitted && contains(err.Error(), words)
	})
}

// selects one namespace, so that nobody else's test meets what is for this one.
func onlyIn(ns string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}}
}

var createdPods = admissionv1.RuleWithOperations{
	Operations: []admissionv1.OperationType{admissionv1.Create},
	Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
}

// refuseHostNetwork puts a policy up in one namespace, and returns what takes
// it down.
func (w *world) refuseHostNetwork(ns string) func() {
	w.t.Helper()
	return w.allowOnly("!object.spec.?hostNetwork.orValue(false)", hostPod(ns))
}

// allowOnly has a policy let only those pods into a namespace of which an
// expression is true, waits until it refuses one, and returns what takes it down.
func (w *world) allowOnly(expression string, refused *corev1.Pod) func() {
	w.t.Helper()
	ns, ctx, api := refused.Namespace, context.Background(), lab.admin.AdmissionregistrationV1()
	_, err := api.ValidatingAdmissionPolicies().Create(ctx, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: onlyIn(ns),
				ResourceRules:     []admissionv1.NamedRuleWithOperations{{RuleWithOperations: createdPods}},
			},
			Validations: []admissionv1.Validation{{
				Expression: expression, Message: "no such pod in " + ns,
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	_, err = api.ValidatingAdmissionPolicyBindings().Create(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: ns, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	remove := func() {
		_ = api.ValidatingAdmissionPolicyBindings().Delete(ctx, ns, metav1.DeleteOptions{})
		_ = api.ValidatingAdmissionPolicies().Delete(ctx, ns, metav1.DeleteOptions{})
	}
	w.t.Cleanup(remove)
	w.awaitPod(refused, false, "ValidatingAdmissionPolicy")
	return remove
}

// breakWebhook has all pods of one namespace seen by a webhook that nobody
// answers for.
func (w *world) breakWebhook(ns string) {
	w.t.Helper()
	ctx, hooks := context.Background(), lab.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	url, fail, none, seconds := "https://127.0.0.1:1/", admissionv1.Fail, admissionv1.SideEffectClassNone, int32(1)
	_, err := hooks.Create(ctx, &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "down.partywall.dev", ClientConfig: admissionv1.WebhookClientConfig{URL: &url}, FailurePolicy: &fail, SideEffects: &none,
			TimeoutSeconds: &seconds, AdmissionReviewVersions: []string{"v1"}, NamespaceSelector: onlyIn(ns),
			Rules: []admissionv1.RuleWithOperations{createdPods},
		}},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = hooks.Delete(ctx, ns, metav1.DeleteOptions{}) })
	w.awaitPod(plainPod(ns), false, "failed calling webhook") // Pod Security refuses the other before that
}
