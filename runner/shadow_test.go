package runner

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// dbLabels are of a workload that says itself who manages it.
var dbLabels = map[string]string{"app": "db", "app.kubernetes.io/name": "db", "app.kubernetes.io/managed-by": "Helm"}

func shadowPlace() *place {
	p := placeWith()
	p.workload, p.number, p.identity = "Deployment/db", 2, tenancy.Identity{Labels: dbLabels, Account: "db-account"}
	return p
}

func TestShadowJob(t *testing.T) {
	t.Parallel()
	r := objectsRun()
	for slot := range slots {
		job := r.job(shadowPlace(), slot)
		assert.Equal(t, "partywall-0123abcd-shadow-2-"+slotNames[slot], job.Name)
		assert.Equal(t, managedBy, job.Labels[labelManaged], "the Job is the run's own")
		assert.True(t, made(job.ObjectMeta))
		template := job.Spec.Template
		assert.Equal(t, map[string]string{
			"app": "db", "app.kubernetes.io/name": "db", labelManaged: "Helm", "sidecar.istio.io/inject": "false",
			"partywall.dev/role": "probe", labelRun: "0123abcd", labelPod: "shadow-2-" + slotNames[slot],
		}, template.Labels)
		selector, err := labels.Parse(ourPods("0123abcd"))
		require.NoError(t, err)
		assert.True(t, selector.Matches(labels.Set(template.Labels)), "what removes the pods finds it")
		assert.Equal(t, "db-account", template.Spec.ServiceAccountName)
		assert.False(t, *template.Spec.AutomountServiceAccountToken)
		assert.Equal(t, []corev1.PodReadinessGate{{ConditionType: neverReady}}, template.Spec.ReadinessGates)
		assert.Equal(t, "partywall-0123abcd-shadow-2-pods", template.Spec.Subdomain)
		c := template.Spec.Containers[0]
		assert.Equal(t, objectsRun().job(placeWith(), slot).Spec.Template.Spec.Containers[0].ReadinessProbe.HTTPGet, c.StartupProbe.HTTPGet, "it is awaited as others are")
		assert.Equal(t, "/never-ready", c.ReadinessProbe.HTTPGet.Path)
	}
	assert.Equal(t, "Helm", dbLabels[labelManaged], "what the workload has stays as it is")
	assert.Empty(t, r.job(placeWith(), 0).Spec.Template.Spec.ReadinessGates)
}

func TestShadowsAreRestricted(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	job := objectsRun().job(shadowPlace(), slotTarget0)
	for _, r := range evaluator.EvaluatePod(psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}, &job.Spec.Template.ObjectMeta, &job.Spec.Template.Spec) {
		assert.True(t, r.Allowed, "%s: %s", r.ForbiddenReason, r.ForbiddenDetail)
	}
}

// The run's own Services lead to what is never ready, and to no other's pods.
func TestShadowServices(t *testing.T) {
	t.Parallel()
	r := objectsRun()
	s := r.service(podAt(shadowPlace(), slotTarget0))
	assert.True(t, s.Spec.PublishNotReadyAddresses)
	assert.False(t, r.service(podAt(placeWith(), slotTarget0)).Spec.PublishNotReadyAddresses)
	pod := labels.Set(r.job(shadowPlace(), slotTarget0).Spec.Template.Labels)
	assert.True(t, labels.SelectorFromSet(s.Spec.Selector).Matches(pod))
	assert.False(t, labels.SelectorFromSet(r.service(podAt(placeWith(), slotTarget0)).Spec.Selector).Matches(pod), "the namespace's own probes have theirs")
	assert.Equal(t, "partywall-0123abcd-shadow-2-pods", r.headless(podAt(shadowPlace(), slotTarget0)).Name)
	assert.True(t, made(r.headless(podAt(shadowPlace(), slotTarget0)).ObjectMeta))
}

func TestPlacesOfShadows(t *testing.T) {
	t.Parallel()
	ten := tenantsOf("t1", "t2")
	ten.Cast([]tenancy.Shadow{
		{Namespace: "t2", Workload: "Deployment/web", Identity: tenancy.Identity{Account: "web"}},
		{Namespace: "t2", Workload: "Deployment/db", Identity: tenancy.Identity{Account: "db"}},
	})
	var attempts []suites.Attempt
	for _, a := range (network.Suite{}).Plan(ten, suites.Whole(ten)) {
		if a.To.Workload != "" {
			attempts = append(attempts, a)
		}
	}
	places := surveyOf(whole(attempts...)).places
	castShadows(places, ten)
	require.Len(t, places, 4, "the namespace's own probes too, which are the shadows' control")
	for i, want := range []struct {
		where   string
		number  int
		account string
	}{{"t1", 0, ""}, {"t2", 0, ""}, {"t2/Deployment/db", 1, "db"}, {"t2/Deployment/web", 2, "web"}} {
		assert.Equal(t, want.where, places[i].where())
		assert.Equal(t, want.number, places[i].number)
		assert.Equal(t, want.account, places[i].identity.Account)
	}
}

// Shadows come after the namespace's own probes, and those with proxies, in what
// a quota leaves.
func TestQuotaOfShadows(t *testing.T) {
	t.Parallel()
	for used, want := range map[string]bool{"0": true, "1": false} {
		q := quota(map[corev1.ResourceName]string{"pods": "10"}, map[corev1.ResourceName]string{"pods": used})
		q.Status.Used[corev1.ResourcePods] = resource.MustParse(used)
		r := runOn(fake.NewClientset(q), "t1")
		p := shadowPlace()
		p.namespace = "t1"
		r.places = append(r.places, &place{tenant: "t1", namespace: "t1", proxied: true}, p, &place{tenant: "t2", namespace: "t2"})
		r.checkQuota(t.Context(), p)
		assert.Equal(t, want, p.problem == "", p.problem)
		if !want {
			assert.Contains(t, p.problem, "no room for the probes as shadows of Deployment/db: pods: 1 of 10 used, and the probes need 10")
		}
		r.checkQuota(t.Context(), r.places[0])
		assert.Empty(t, r.places[0].problem)
	}
}

func TestWhatAdmissionMakesOfAShadow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"nothing":        {func(*corev1.Pod) {}, ""},
		"a label":        {func(p *corev1.Pod) { p.Labels["app"] = "x" }, "admission changed the label app of pod t1/job-x, which is a shadow of Deployment/db"},
		"the account":    {func(p *corev1.Pod) { p.Spec.ServiceAccountName = "x" }, "admission gave pod t1/job-x the service account x, and not that of Deployment/db"},
		"its being late": {func(p *corev1.Pod) { p.Spec.ReadinessGates = nil }, "admission took the readiness gate off pod t1/job-x, which must never get ready"},
	} {
		r, p := objectsRun(), shadowPlace()
		got := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "t1", Name: "job-x", Labels: map[string]string{}}, Spec: r.job(p, 0).Spec.Template.Spec}
		for key, value := range r.job(p, 0).Spec.Template.Labels {
			got.Labels[key] = value
		}
		c.change(got)
		r.compare(&pod{place: p}, got)
		assert.Equal(t, c.want, p.problem, name)
		assert.Empty(t, r.notes, name)
	}
	r, p := objectsRun(), shadowPlace()
	got := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: r.job(p, 0).Spec.Template.Labels}, Spec: r.job(p, 0).Spec.Template.Spec}
	got.Spec.Volumes = append(got.Spec.Volumes, corev1.Volume{Name: "aws-token"})
	r.compare(&pod{place: p}, got)
	assert.Equal(t, []string{"admission added the volume aws-token to the probe pods of namespace t1 as shadows of Deployment/db, " +
		"such as a token of the service account db-account; the probe reads none"}, r.notes)
}

// shadowWorld is a world of two tenants, of which the second has a workload
// with a shadow.
func shadowWorld(t *testing.T) (*world, *appsv1.Deployment) {
	db := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "t2", Name: "db"},
		Spec:       appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: dbLabels}}},
	}
	ten := tenantsOf("t1", "t2")
	ten.Cast([]tenancy.Shadow{{Namespace: "t2", Workload: "Deployment/db", Identity: tenancy.Identity{Labels: dbLabels, Account: "default"}}})
	w := newWorld(t, ten)
	w.wall = closed
	require.NoError(t, w.client.Tracker().Add(db))
	return w, db
}

func isShadow(f *fakeProbe) bool { return strings.HasPrefix(f.slot, "shadow-1-") }

func TestRunWithAShadow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wall func(from, to *fakeProbe, o probes.Order) way
		want func(r verdicts.Result) bool // leaks
	}{
		"walls that hold": {closed, func(verdicts.Result) bool { return false }},
		"a way into the workload": {func(_, to *fakeProbe, _ probes.Order) way {
			if isShadow(to) {
				return through
			}
			return dropped
		}, func(r verdicts.Result) bool { return r.To.Workload != "" }},
		"a way out of the workload": {func(from, _ *fakeProbe, _ probes.Order) way {
			if isShadow(from) {
				return through
			}
			return dropped
		}, func(r verdicts.Result) bool { return r.From.Workload != "" }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := shadowWorld(t)
				w.wall = c.wall
				results, e := w.run(t.Context())
				require.Len(t, results, len(w.attempts))
				for _, r := range results {
					want := verdicts.Isolated
					if c.want(r) {
						want = verdicts.Leak
					}
					assert.Equal(t, want, r.Verdict, "%s: %s", r.ID, r.Why)
				}
				w.requireClean(e)
			})
		})
	}
}

// A workload that changed, or that a shadow would do harm to by now, has none,
// and nothing of it is created.
func TestShadowsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world, *appsv1.Deployment) error
		why    string
	}{
		"another label": {func(w *world, d *appsv1.Deployment) error {
			d = d.DeepCopy()
			d.Spec.Template.Labels["app"] = "web"
			return w.client.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("deployments"), d, "t2")
		}, "t2/Deployment/db was changed since the run was planned: its pods had the labels app=db,"},
		"deleted": {func(w *world, d *appsv1.Deployment) error {
			return w.client.Tracker().Delete(appsv1.SchemeGroupVersion.WithResource("deployments"), "t2", d.Name)
		}, "there can be no shadow of t2/Deployment/db: there is no Deployment db in namespace t2"},
		"a budget": {func(w *world, _ *appsv1.Deployment) error {
			return w.client.Tracker().Add(&policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "t2", Name: "keep"},
				Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}}})
		}, "there can be no shadow of t2/Deployment/db: PodDisruptionBudget t2/keep selects its labels"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, db := shadowWorld(t)
				require.NoError(t, c.change(w, db))
				results, e := w.run(context.Background())
				for _, r := range results {
					if r.From.Workload == "" && r.To.Workload == "" {
						assert.Equal(t, verdicts.Isolated, r.Verdict, "%s: %s", r.ID, r.Why)
						continue
					}
					assert.Equal(t, verdicts.Inconclusive, r.Verdict, r.ID)
					assert.Contains(t, r.Why, c.why, r.ID)
				}
				for _, f := range w.pods {
					assert.False(t, isShadow(f), f.slot)
				}
				w.requireClean(e)
			})
		})
	}
}

// A shadow's pod is awaited by its containers' start, since it is never ready.
func TestReadinessOfAShadow(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	p := probePod("t1", "job", func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	})
	for name, c := range map[string]struct {
		containers []corev1.ContainerStatus
		want       string
	}{
		"started":               {[]corev1.ContainerStatus{{Started: &yes}}, ""},
		"not yet":               {[]corev1.ContainerStatus{{Started: &no}}, "not ready"},
		"nothing known":         {nil, "not ready"},
		"a proxy that has not ": {[]corev1.ContainerStatus{{Started: &yes}, {}}, "not ready"},
	} {
		p.Status.ContainerStatuses = c.containers
		state, _ := podState(p, shadowPlace().works)
		assert.Equal(t, c.want, state, name)
		state, _ = podState(p, placeWith().works)
		assert.Equal(t, "not ready", state, "a probe that is no shadow")
	}
}

// Controls of a shadow are many, for one of them to be answered: those that the
// workload's own policies stop are no fault of the run's.
func TestControlsOfAShadow(t *testing.T) {
	t.Parallel()
	standard := []string{"a", "b", "a"}
	shadow := standing("t2", "t2", standard...)
	shadow.workload = "Deployment/db"
	other := standing("t2", "t2", standard...)
	other.workload = "Deployment/web"
	places := []*place{standing("t1", "t1", standard...), standing("t2", "t2", standard...), shadow, other}
	b := &binder{tenancy: tenantsOf("t1", "t2"), places: map[string]*place{}, byTenant: map[string][]*place{}, controls: map[controlKey]*control{},
		nodes: &nodes{}, crossing: func(_, _ string, _ tenancy.Port) bool { return false }}
	for _, p := range places {
		b.places[p.where()] = p
		b.byTenant[p.tenant] = append(b.byTenant[p.tenant], p)
	}
	a := attemptOf("t1", "t2", 0, suites.SameNode)
	a.To.Workload = "Deployment/db"
	c := b.bind(&a)
	require.Same(t, shadow.pods[slotTarget0], c.target)
	var from []string
	for _, r := range c.controls {
		assert.Equal(t, verdicts.RungSameNamespace, r.kind)
		assert.Equal(t, r.control.source.place != shadow, r.control.spare)
		from = append(from, r.control.source.place.where())
	}
	assert.Equal(t, []string{"t2/Deployment/db", "t2", "t2/Deployment/web"}, from)

	back := attemptOf("t2", "t1", 0, suites.SameNode)
	back.From.Workload = "Deployment/db"
	c = b.bind(&back)
	tried := map[string]bool{}
	for key := range b.controls {
		if key.source == c.source {
			tried[key.target.place.where()] = true
		}
	}
	assert.Equal(t, map[string]bool{"t2/Deployment/db": true, "t2": true, "t2/Deployment/web": true}, tried)
}

// A shadow's pods are no strangers to the probes of its namespace, nor they to it.
func TestShadowsAreNoStrangers(t *testing.T) {
	t.Parallel()
	r := runOn(fake.NewClientset(), "t1")
	own := r.places[0]
	shadow := standing("t1", "t1", "a", "b", "a")
	shadow.workload, shadow.number = "Deployment/db", 1
	r.places = append(r.places, shadow)
	for slot := range slots {
		own.pods[slot] = &pod{place: own, slot: slot, job: objectName(r.id, slot), jobUID: types.UID(slotNames[slot])}
	}
	seen := newReadiness(r, own)
	for name, strange := range map[string]bool{shadow.slotName(slotSource): false, "source-9": true} {
		r.notes = nil
		done, err := seen.update(probePod("t1", "x", func(p *corev1.Pod) { p.Labels, p.OwnerReferences = map[string]string{labelPod: name}, nil }))
		require.NoError(t, err)
		assert.False(t, done)
		assert.Equal(t, strange, len(r.notes) > 0, name)
	}
}
