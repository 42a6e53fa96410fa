package runner

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/admission"
	"github.com/partywall/partywall/suites/mesh"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// admitting is a world in which admission is asked, and nothing else tried.
func admitting(t *testing.T, promise tenancy.Promise, says func(*corev1.Pod, int) (*corev1.Pod, error)) *world {
	tenants := tenantsOf("t1", "t2")
	tenants.Promises.Admission.HostNetwork = promise
	w := newWorld(t, tenants)
	w.attempts = (admission.Suite{}).Plan(tenants, suites.Whole(tenants))
	allow(w.client, nil)
	calls := map[string]int{}
	w.client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		create := a.(clienttesting.CreateActionImpl)
		require.Equal(t, []string{metav1.DryRunAll}, create.CreateOptions.DryRun)
		pod := create.GetObject().(*corev1.Pod)
		calls[pod.Namespace]++
		got, err := says(pod.DeepCopy(), (calls[pod.Namespace]+1)/2)
		return true, got, err
	})
	return w
}

func host(p *corev1.Pod) bool { return p.Spec.HostNetwork }

const podSecurity = `pods "partywall-0123abcd-admission" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`

// What each namespace is told, and what comes of it: t1 as the case says, t2
// refuses hostNetwork always.
func TestWhatAdmissionSays(t *testing.T) {
	t.Parallel()
	refused := status(403, podSecurity)
	quota := status(403, `pods "partywall-0123abcd-admission" is forbidden: exceeded quota: q`)
	down := status(500, `Internal error occurred: failed calling webhook "w": timeout`)
	for name, tt := range map[string]struct {
		says func(p *corev1.Pod, round int) error
		take bool // hostNetwork is taken off
		want verdicts.Verdict
		why  string
	}{
		"refused": {says: func(p *corev1.Pod, _ int) error {
			if host(p) {
				return refused
			}
			return nil
		}, want: verdicts.Isolated, why: "(" + podSecurity + "), and each time the same pod without it"},
		"let in": {says: func(*corev1.Pod, int) error { return nil }, want: verdicts.Leak, why: "the API server accepted one as a dry run"},
		"let in once": {says: func(p *corev1.Pod, round int) error {
			if host(p) && round == 2 {
				return nil
			}
			return refused
		}, want: verdicts.Leak, why: "accepted one"},
		"let in without it": {says: func(*corev1.Pod, int) error { return nil }, take: true, want: verdicts.Isolated, why: "admission took hostNetwork off the pod"},
		"every pod is refused": {says: func(*corev1.Pod, int) error { return refused }, want: verdicts.Inconclusive,
			why: "round 1: the same pod without hostNetwork was not let into namespace t1 of t1 either, so that nothing shows what a refusal is for: " + podSecurity},
		"a control that is refused once": {says: func(p *corev1.Pod, round int) error {
			if host(p) || round == 2 {
				return refused
			}
			return nil
		}, want: verdicts.Inconclusive, why: "round 2: the same pod without hostNetwork was not let into"},
		"a quota that is full": {says: func(*corev1.Pod, int) error { return quota }, want: verdicts.Inconclusive, why: "exceeded quota: q"},
		"a quota that fills in between": {says: func(p *corev1.Pod, _ int) error {
			if host(p) {
				return quota
			}
			return nil
		}, want: verdicts.Inconclusive, why: "round 1: the attempt itself failed, which is no denial: "},
		"a webhook that is down in one round": {says: func(p *corev1.Pod, round int) error {
			switch {
			case !host(p):
				return nil
			case round == 2:
				return down
			}
			return refused
		}, want: verdicts.Inconclusive, why: "round 2: the attempt itself failed, which is no denial: Internal error occurred"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := admitting(t, "", func(p *corev1.Pod, round int) (*corev1.Pod, error) {
					switch {
					case p.Namespace == "t2" && host(p):
						return nil, refused
					case p.Namespace == "t2":
						return p, nil
					}
					err := tt.says(p, round)
					if tt.take {
						p.Spec.HostNetwork = false
					}
					return p, err
				})
				results, outcome := w.run(t.Context())
				require.Len(t, results, 2)
				assert.Empty(t, w.pods, "it takes no probe")
				assert.Empty(t, outcome.Left)
				for id, r := range results {
					want := verdicts.Isolated
					if r.From.Namespace == "t1" {
						want = tt.want
						assert.Contains(t, r.Why, tt.why)
					}
					assert.Equal(t, want, r.Verdict, "%s: %s", id, r.Why)
					assert.Equal(t, verdicts.TwoSided, r.Grade)
					assert.Equal(t, "high", r.Severity)
					assert.Equal(t, r.Verdict == verdicts.Leak, r.Remedy != "")
				}
				assert.Len(t, w.asked(), 2*2*2, "two dry runs a namespace and round")
			})
		})
	}
}

// asked are the dry runs.
func (w *world) asked() []clienttesting.Action {
	var all []clienttesting.Action
	for _, a := range w.client.Actions() {
		if a.Matches("create", "pods") {
			all = append(all, a)
		}
	}
	return all
}

func letIn(p *corev1.Pod, _ int) (*corev1.Pod, error) { return p, nil }

// Without the right nothing is asked: it is skipped, or without evidence where
// the tenancy promises it.
func TestWithoutTheRightToAsk(t *testing.T) {
	t.Parallel()
	for promise, want := range map[tenancy.Promise]verdicts.Verdict{"": verdicts.Skipped, tenancy.WayDenied: verdicts.Inconclusive} {
		t.Run("promised "+string(promise), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := admitting(t, promise, letIn)
				allow(w.client, func(a authorizationv1.ResourceAttributes) bool {
					return a.Namespace == "t1" && a.Resource == "pods" && a.Subresource == "" && a.Verb == "create"
				})
				results, _ := w.run(t.Context())
				for id, r := range results {
					if r.From.Namespace == "t2" {
						assert.Equal(t, verdicts.Leak, r.Verdict, id)
						continue
					}
					assert.Equal(t, want, r.Verdict, id)
					assert.Contains(t, r.Why, "the runner may not create pods in namespace t1, not even as a dry run; `partywall roles --admission --fence` has the role")
				}
				assert.Len(t, w.asked(), 2*2)
			})
		})
	}
}

// A run that ends before it was asked twice says so.
func TestARunThatEndsBeforeAdmissionIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := admitting(t, "", func(p *corev1.Pod, _ int) (*corev1.Pod, error) {
			if host(p) {
				return nil, status(403, podSecurity)
			}
			return p, nil
		})
		w.hooks.phase = func(name string) {
			if name == "waiting 10s before round 2" {
				cancel()
			}
		}
		results, outcome := w.run(ctx)
		require.True(t, outcome.Interrupted)
		for id, r := range results {
			assert.Equal(t, verdicts.Inconclusive, r.Verdict, id)
			assert.Equal(t, "only 1 of 2 rounds were made", r.Why)
		}
	})
}

// What is refused of the pod must be refused for its change alone.
func TestThePlainPodIsRestrictedAndTheChangeIsNot(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	violations := func(level psa.Level, p *corev1.Pod) (found []string) {
		for _, r := range evaluator.EvaluatePod(psa.LevelVersion{Level: level, Version: psa.LatestVersion()}, &p.ObjectMeta, &p.Spec) {
			if !r.Allowed {
				found = append(found, r.ForbiddenReason)
			}
		}
		return found
	}
	for _, a := range (admission.Suite{}).Plan(tenantsOf("t1", "t2"), suites.Whole(tenantsOf("t1", "t2"))) {
		plain := manifests.PlainPod()
		changed, err := patched(plain, a.Change)
		require.NoError(t, err)
		assert.Empty(t, violations(psa.LevelRestricted, plain))
		assert.Len(t, violations(psa.LevelRestricted, changed), 1, a.Check)
		assert.Equal(t, violations(psa.LevelBaseline, changed), violations(psa.LevelRestricted, changed))
	}
}

// A pod that asks for nothing, and what admission puts beside it.
func TestAPodThatAsksForNothingGetsAProxy(t *testing.T) {
	t.Parallel()
	sidecar := corev1.Container{Name: "istio-proxy"}
	for name, tt := range map[string]struct {
		says func(p *corev1.Pod, round int) error
		want verdicts.Verdict
		why  string
	}{
		"it does": {func(p *corev1.Pod, _ int) error { p.Spec.Containers = append(p.Spec.Containers, sidecar); return nil },
			verdicts.Isolated, "put the mesh's proxy beside a pod that asks for nothing"},
		"a native one": {func(p *corev1.Pod, _ int) error {
			p.Spec.InitContainers = append(p.Spec.InitContainers, sidecar)
			return nil
		},
			verdicts.Isolated, "put the mesh's proxy beside a pod that asks for nothing"},
		"Linkerd's": {func(p *corev1.Pod, _ int) error {
			p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: "linkerd-proxy"})
			return nil
		}, verdicts.Isolated, "in each of 2 dry runs"},
		"it does not": {func(*corev1.Pod, int) error { return nil }, verdicts.Leak, "while the tenancy promises a mesh"},
		"not once": {func(p *corev1.Pod, round int) error {
			if round == 1 {
				p.Spec.Containers = append(p.Spec.Containers, sidecar)
			}
			return nil
		}, verdicts.Leak, "put none beside it"},
		"the webhook is down": {func(*corev1.Pod, int) error { return status(500, `failed calling webhook "istio": timeout`) }, verdicts.Inconclusive, "webhook"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := admitting(t, "", func(p *corev1.Pod, round int) (*corev1.Pod, error) { return p, tt.says(p, round) })
				tenants := tenantsOf("t1", "t2")
				tenants.Promises.Layers = []tenancy.Layer{tenancy.MeshLayer}
				w.attempts = (mesh.Suite{}).Plan(tenants, suites.Whole(tenants))
				results, _ := w.run(t.Context())
				require.Len(t, results, 2)
				for id, r := range results {
					assert.Equal(t, tt.want, r.Verdict, "%s: %s", id, r.Why)
					assert.Contains(t, r.Why, tt.why)
				}
			})
		})
	}
}
