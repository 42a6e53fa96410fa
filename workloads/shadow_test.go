package workloads

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/partywall/partywall/tenancy"
)

var db = tenancy.Shadow{Namespace: "pay", Workload: "Deployment/db"}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "pay", Name: name} }

func chosen(pairs ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		s.MatchLabels[key] = value
	}
	return s
}

func template(adjust ...func(*corev1.PodTemplateSpec)) corev1.PodTemplateSpec {
	t := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "db", "tier": "data"}}}
	for _, f := range adjust {
		f(&t)
	}
	return t
}

func deployment(adjust ...func(*corev1.PodTemplateSpec)) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: named("db"), Spec: appsv1.DeploymentSpec{Selector: chosen("app=db"), Template: template(adjust...)}}
}

func service(name string, publishes bool, selector map[string]string) *corev1.Service {
	return &corev1.Service{ObjectMeta: named(name), Spec: corev1.ServiceSpec{Selector: selector, PublishNotReadyAddresses: publishes}}
}

func budget(selector *metav1.LabelSelector) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: named("keep"), Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector}}
}

func scaler(kind, name string) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: named("grow"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: kind, Name: name},
	}}
}

func TestIdentify(t *testing.T) {
	labelled := deployment(func(p *corev1.PodTemplateSpec) {
		p.Spec.ServiceAccountName = "db-account"
		for _, key := range dropped {
			p.Labels[key] = "x"
		}
		p.Spec.Containers = []corev1.Container{
			{Ports: []corev1.ContainerPort{{Name: "pg", ContainerPort: 5432}, {ContainerPort: 9090}, {Name: "ha", ContainerPort: 7, Protocol: corev1.ProtocolSCTP}}},
			{Ports: []corev1.ContainerPort{{Name: "pg", ContainerPort: 5433}, {Name: "stats", ContainerPort: 8125, Protocol: corev1.ProtocolUDP}}},
		}
	})
	got, err := Identify(t.Context(), fake.NewClientset(labelled), db)
	require.NoError(t, err)
	assert.Equal(t, tenancy.Identity{
		Labels: map[string]string{"app": "db", "tier": "data"}, Account: "db-account",
		PortNames: tenancy.PortNames{{Protocol: "tcp", Number: 5432}: "pg", {Protocol: "udp", Number: 8125}: "stats"},
	}, got)
	assert.Equal(t, "x", labelled.Spec.Template.Labels["pod-template-hash"], "what was looked at stays as it is")

	for kind, o := range map[string]runtime.Object{
		"StatefulSet": &appsv1.StatefulSet{ObjectMeta: named("db"), Spec: appsv1.StatefulSetSpec{Selector: chosen("app=db"), Template: template()}},
		"DaemonSet":   &appsv1.DaemonSet{ObjectMeta: named("db"), Spec: appsv1.DaemonSetSpec{Selector: chosen("app=db"), Template: template()}},
	} {
		got, err := Identify(t.Context(), fake.NewClientset(o), tenancy.Shadow{Namespace: "pay", Workload: kind + "/db"})
		require.NoError(t, err, kind)
		assert.Equal(t, tenancy.Identity{Labels: map[string]string{"app": "db", "tier": "data"}, Account: "default"}, got)
	}
}

// What stands beside a workload every day is no reason against its shadow.
func TestWhatDoesNotRefuse(t *testing.T) {
	hashed := chosen("app=db", "pod-template-hash=1")
	elsewhere := budget(chosen("app=db"))
	elsewhere.Namespace = "other"
	for name, o := range map[string]runtime.Object{
		"its Service":                 service("db", false, map[string]string{"app": "db"}),
		"a Service of others":         service("x", true, map[string]string{"app": "x"}),
		"a Service of nobody":         service("x", true, nil),
		"a budget of others":          budget(chosen("app=x")),
		"a budget that selects none":  budget(nil),
		"a budget of another space":   elsewhere,
		"an autoscaler of others":     scaler("Deployment", "x"),
		"one of a kind like its name": scaler("StatefulSet", "db"),
		"its ReplicaSet":              &appsv1.ReplicaSet{ObjectMeta: named("db-1"), Spec: appsv1.ReplicaSetSpec{Selector: hashed}},
		"a Job":                       &batchv1.Job{ObjectMeta: named("x"), Spec: batchv1.JobSpec{Selector: chosen("controller-uid=1")}},
		"a controller of others":      &corev1.ReplicationController{ObjectMeta: named("x"), Spec: corev1.ReplicationControllerSpec{Selector: map[string]string{"app": "x"}}},
	} {
		_, err := Identify(t.Context(), fake.NewClientset(deployment(), o), db)
		assert.NoError(t, err, name)
	}
}

// A scheduler that must go by the shadow's labels holds up a workload by it.
func TestPlacedByTheLabels(t *testing.T) {
	const own, other, nightly = "Deployment pay/db", "Deployment pay/web", "CronJob pay/dump"
	where := "places its pods by where those with its labels are (%s), so that the shadow could keep them from a node, or draw them to it"
	term := func(adjust ...func(*corev1.PodAffinityTerm)) []corev1.PodAffinityTerm {
		t := corev1.PodAffinityTerm{LabelSelector: chosen("app=db"), TopologyKey: "kubernetes.io/hostname"}
		for _, f := range adjust {
			f(&t)
		}
		return []corev1.PodAffinityTerm{t}
	}
	apart := func(terms []corev1.PodAffinityTerm) func(*corev1.PodTemplateSpec) {
		return func(p *corev1.PodTemplateSpec) {
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}}
		}
	}
	spread := func(action corev1.UnsatisfiableConstraintAction, keys ...string) func(*corev1.PodTemplateSpec) {
		return func(p *corev1.PodTemplateSpec) {
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{WhenUnsatisfiable: action, LabelSelector: chosen("app=db"), MatchLabelKeys: keys}}
		}
	}
	for name, tt := range map[string]struct {
		who    string
		adjust func(*corev1.PodTemplateSpec)
		rule   string
	}{
		"a nightly one":         {nightly, apart(term()), "required podAntiAffinity"},
		"apart":                 {own, apart(term()), "required podAntiAffinity"},
		"apart from all spaces": {own, apart(term(func(t *corev1.PodAffinityTerm) { t.NamespaceSelector = &metav1.LabelSelector{} })), "required podAntiAffinity"},
		"apart from this space": {own, apart(term(func(t *corev1.PodAffinityTerm) { t.Namespaces = []string{"pay"} })), "required podAntiAffinity"},
		"apart from another":    {own, apart(term(func(t *corev1.PodAffinityTerm) { t.Namespaces = []string{"x"} })), ""},
		"apart from others":     {own, apart(term(func(t *corev1.PodAffinityTerm) { t.LabelSelector = chosen("app=web") })), ""},
		"apart from none":       {own, apart(term(func(t *corev1.PodAffinityTerm) { t.LabelSelector = nil })), ""},
		"apart from its kind":   {own, apart(term(func(t *corev1.PodAffinityTerm) { t.MatchLabelKeys = []string{"pod-template-hash"} })), ""},
		"another workload":      {other, apart(term()), "required podAntiAffinity"},
		"beside": {other, func(p *corev1.PodTemplateSpec) {
			p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: term()}}
		}, "required podAffinity"},
		"rather apart": {own, func(p *corev1.PodTemplateSpec) {
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{PodAffinityTerm: term()[0]}}}}
		}, ""},
		"spread":            {own, spread(corev1.DoNotSchedule), "topologySpreadConstraints with DoNotSchedule"},
		"rather spread":     {own, spread(corev1.ScheduleAnyway), ""},
		"spread a revision": {own, spread(corev1.DoNotSchedule, "pod-template-hash"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []runtime.Object{deployment(tt.adjust)}
			switch tt.who {
			case nightly:
				dump := &batchv1.CronJob{ObjectMeta: named("dump")}
				dump.Spec.JobTemplate.Spec.Template = template(tt.adjust)
				objects = []runtime.Object{deployment(), dump}
			case other:
				objects = []runtime.Object{deployment(), &appsv1.Deployment{ObjectMeta: named("web"), Spec: appsv1.DeploymentSpec{
					Selector: chosen("app=web"), Template: template(tt.adjust)}}}
			}
			_, err := Identify(t.Context(), fake.NewClientset(objects...), db)
			if tt.rule == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tt.who+" "+fmt.Sprintf(where, tt.rule))
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	overlap := chosen("tier=data")
	gone := deployment()
	gone.DeletionTimestamp, gone.Finalizers = &metav1.Time{}, []string{"x"}
	bad := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Near"}}}
	for name, tt := range map[string]struct {
		objects []runtime.Object
		want    string
	}{
		"no workload":      {nil, "there is no Deployment db in namespace pay"},
		"a workload going": {[]runtime.Object{gone}, "it is being deleted"},
		"on the node": {[]runtime.Object{deployment(func(p *corev1.PodTemplateSpec) { p.Spec.HostNetwork = true })},
			"its pods are in their node's network (hostNetwork), which policies do not reach"},
		"ours": {[]runtime.Object{deployment(func(p *corev1.PodTemplateSpec) { p.Labels["partywall.dev/run"] = "1" })},
			"its pods have the label partywall.dev/run, by which runs know their own"},
		"a Service": {[]runtime.Object{deployment(), service("peers", true, map[string]string{"app": "db"})},
			"Service pay/peers selects its labels and publishes what is not ready (publishNotReadyAddresses), so that the shadow could receive real traffic"},
		"a load balancer's Service": {[]runtime.Object{deployment(), func() runtime.Object {
			s := service("front", false, map[string]string{"app": "db"})
			s.Annotations = map[string]string{"cloud.google.com/neg-status": "{}"}
			return s
		}()}, "Service pay/front selects its labels and fills network endpoint groups (cloud.google.com/neg-status), " +
			"which take in what is not ready too, so that the shadow could receive real traffic"},
		"a budget": {[]runtime.Object{deployment(), budget(overlap)},
			"PodDisruptionBudget pay/keep selects its labels, so that it would count the shadow"},
		"a budget for all": {[]runtime.Object{deployment(), budget(&metav1.LabelSelector{})},
			"PodDisruptionBudget pay/keep selects its labels, so that it would count the shadow"},
		"a budget that cannot be read": {[]runtime.Object{deployment(), budget(bad)},
			"PodDisruptionBudget pay/keep selects its labels, so that it would count the shadow"},
		"a budget for what runs put out": {[]runtime.Object{deployment(), budget(&metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "job-name", Operator: metav1.LabelSelectorOpExists}}})},
			"PodDisruptionBudget pay/keep selects its labels, so that it would count the shadow"},
		"an autoscaler": {[]runtime.Object{deployment(), scaler("Deployment", "db")},
			"HorizontalPodAutoscaler pay/grow scales it by all pods that have its labels, so that the shadow would be one of them"},
		"an autoscaler of what is not known": {[]runtime.Object{deployment(), scaler("Rollout", "web")},
			"HorizontalPodAutoscaler pay/grow scales Rollout web, of which Partywall does not know what pods it selects"},
		"a Deployment": {[]runtime.Object{deployment(), &appsv1.Deployment{ObjectMeta: named("twin"), Spec: appsv1.DeploymentSpec{Selector: overlap}}},
			"Deployment pay/twin selects its labels too"},
		"a ReplicaSet": {[]runtime.Object{deployment(), &appsv1.ReplicaSet{ObjectMeta: named("twin"), Spec: appsv1.ReplicaSetSpec{Selector: overlap}}},
			"ReplicaSet pay/twin selects its labels too"},
		"a StatefulSet": {[]runtime.Object{deployment(), &appsv1.StatefulSet{ObjectMeta: named("twin"), Spec: appsv1.StatefulSetSpec{Selector: overlap}}},
			"StatefulSet pay/twin selects its labels too"},
		"a DaemonSet": {[]runtime.Object{deployment(), &appsv1.DaemonSet{ObjectMeta: named("twin"), Spec: appsv1.DaemonSetSpec{Selector: overlap}}},
			"DaemonSet pay/twin selects its labels too"},
		"a Job with a selector of its own": {[]runtime.Object{deployment(), &batchv1.Job{ObjectMeta: named("twin"), Spec: batchv1.JobSpec{Selector: overlap}}},
			"Job pay/twin selects its labels too"},
		"a ReplicationController": {[]runtime.Object{deployment(), &corev1.ReplicationController{ObjectMeta: named("twin"),
			Spec: corev1.ReplicationControllerSpec{Selector: map[string]string{"app": "db"}}}},
			"ReplicationController pay/twin selects its labels too"},
		"more than one": {[]runtime.Object{deployment(), budget(overlap), scaler("Deployment", "db")},
			"PodDisruptionBudget pay/keep selects its labels, so that it would count the shadow; " +
				"HorizontalPodAutoscaler pay/grow scales it by all pods that have its labels, so that the shadow would be one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Identify(t.Context(), fake.NewClientset(tt.objects...), db)
			require.EqualError(t, err, tt.want)
			assert.ErrorAs(t, err, new(Refusal))
		})
	}
}

// Who may not look must not guess.
func TestWhatMayNotBeLookedAtIsRefused(t *testing.T) {
	for _, resource := range []string{
		"services", "poddisruptionbudgets", "horizontalpodautoscalers",
		"deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "replicationcontrollers",
	} {
		for name, no := range map[string]error{
			"forbidden": apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no")), "away": errors.New("no"),
		} {
			client := fake.NewClientset(deployment())
			client.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, no })
			_, err := Identify(t.Context(), client, db)
			require.Error(t, err, resource)
			assert.Equal(t, name == "forbidden", errors.As(err, new(Refusal)), "%s: %v", resource, err)
		}
	}
	client := fake.NewClientset(deployment())
	client.PrependReactor("get", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "deployments"}, "db", errors.New("no"))
	})
	_, err := Identify(t.Context(), client, db)
	assert.ErrorContains(t, err, "it may not be looked at")
	assert.ErrorAs(t, err, new(Refusal))
}

// The vertical autoscaler is an add-on, so that its API is read as it is sent.
func TestVerticalAutoscalers(t *testing.T) {
	const path = "/apis/autoscaling.k8s.io/v1/namespaces/pay/verticalpodautoscalers"
	answers := map[string]any{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		switch {
		case ok:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer)
		case r.URL.Path == path:
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	find := func() Refusal {
		f := finder{ctx: t.Context(), client: client, shadow: db}
		require.NoError(t, f.vertical())
		return f.found
	}
	assert.Empty(t, find(), "the cluster does not serve it")

	answers["/apis/autoscaling.k8s.io/v1"] = metav1.APIResourceList{GroupVersion: "autoscaling.k8s.io/v1"}
	require.Len(t, find(), 1)
	assert.Contains(t, find()[0], "whether a VerticalPodAutoscaler selects its labels may not be looked at")

	target := map[string]any{"kind": "Deployment", "name": "db"}
	answers[path] = map[string]any{"items": []any{map[string]any{"metadata": map[string]any{"name": "fit"}, "spec": map[string]any{"targetRef": target}}}}
	assert.Equal(t, Refusal{"VerticalPodAutoscaler pay/fit scales it by all pods that have its labels, so that the shadow would be one of them"}, find())
	target["name"] = "x"
	assert.Empty(t, find())
}
