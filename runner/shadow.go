package runner

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/workloads"
)

// neverReady is a readiness gate that nobody satisfies: the kubelet counts a
// pod that has it as not ready whatever its containers say, so that no Service
// of the workload that it is a shadow of ever sends it traffic.
const neverReady corev1.PodConditionType = "partywall.dev/never-ready"

// neverPath is one that the probe answers with 404.
const neverPath = "/never-ready"

// forever is more, of seconds and of times, than any run lasts.
const forever = 1 << 30

// disguise gives a Job's pod the labels and the account of the workload that it
// is a shadow of. Of the run's own labels it keeps those that no workload has:
// policies must find all of the workload's, and nothing else that they may go
// by.
func (p *place) disguise(job *batchv1.Job) {
	if p.workload == "" {
		return
	}
	template := &job.Spec.Template
	maps.DeleteFunc(template.Labels, func(key, _ string) bool { return strings.HasPrefix(key, "app.kubernetes.io/") })
	maps.Copy(template.Labels, p.identity.Labels)
	template.Spec.ServiceAccountName = p.identity.Account
	template.Spec.ReadinessGates = append(template.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: neverReady})
	// Some controllers of load balancers go by the containers instead, which
	// say that they have started, and never that they are ready.
	c := &template.Spec.Containers[0]
	c.StartupProbe, c.ReadinessProbe = c.ReadinessProbe, c.ReadinessProbe.DeepCopy()
	c.StartupProbe.FailureThreshold = forever // its failure would end the pod; that it takes too long, the run says
	c.ReadinessProbe.HTTPGet.Path = neverPath
	c.ReadinessProbe.InitialDelaySeconds = forever
}

// works says that a pod of the place does what it has to: it is ready, or of a
// shadow, which never is, the containers have started.
func (p *place) works(got *corev1.Pod) bool {
	if p.workload == "" {
		return slices.ContainsFunc(got.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
	}
	return len(got.Status.ContainerStatuses) > 0 && !slices.ContainsFunc(got.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		return s.Started == nil || !*s.Started
	})
}

// castShadows gives the places that are shadows what policies know their
// workloads by, and each a number within its namespace.
func castShadows(places []*place, t *tenancy.Tenancy) {
	numbers := map[string]int{}
	for _, p := range places {
		if p.workload == "" {
			continue
		}
		numbers[p.namespace]++
		p.number = numbers[p.namespace]
		for _, tenant := range t.Tenants {
			for _, s := range tenant.Shadows {
				if s.Namespace == p.namespace && s.Workload == p.workload {
					p.identity = s.Identity
				}
			}
		}
	}
}

// checkShadows looks at the workloads once more, before anything is created:
// one that has changed since the run was planned, or that a shadow could do
// harm to by now, gets none.
func (r *run) checkShadows(ctx context.Context) error {
	return r.eachPlace(ctx, func(ctx context.Context, p *place) error {
		if p.workload == "" || p.problem != "" {
			return nil
		}
		now, err := workloads.Identify(ctx, r.cluster.Client, tenancy.Shadow{Namespace: p.namespace, Workload: p.workload})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			p.fail("there can be no shadow of %s: %v", p.where(), err)
		case !reflect.DeepEqual(now, p.identity):
			p.fail("%s was changed since the run was planned: its pods had %s, and have %s", p.where(), identityWords(p.identity), identityWords(now))
		}
		return nil
	})
}

func identityWords(i tenancy.Identity) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(i.Labels)) {
		pairs = append(pairs, key+"="+i.Labels[key])
	}
	words := fmt.Sprintf("the labels %s and the service account %s", strings.Join(pairs, ","), i.Account)
	for _, p := range i.PortNames.Ports() {
		words += fmt.Sprintf(", %s as %s", i.PortNames[p], p)
	}
	return words
}

// compareShadow holds an admitted shadow against what it has to be: one that
// lost a label stands for nothing, and one that can get ready would do harm.
func (r *run) compareShadow(q *pod, got *corev1.Pod) {
	p := q.place
	if p.workload == "" {
		return
	}
	for key, value := range p.identity.Labels {
		if got.Labels[key] != value {
			p.fail("admission changed the label %s of pod %s/%s, which is a shadow of %s", key, got.Namespace, got.Name, p.workload)
		}
	}
	if got.Spec.ServiceAccountName != p.identity.Account {
		p.fail("admission gave pod %s/%s the service account %s, and not that of %s", got.Namespace, got.Name, got.Spec.ServiceAccountName, p.workload)
	}
	if !slices.Contains(got.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: neverReady}) {
		p.fail("admission took the readiness gate off pod %s/%s, which must never get ready", got.Namespace, got.Name)
	}
	for _, v := range got.Spec.Volumes {
		if v.EmptyDir == nil {
			r.note(fmt.Sprintf("admission added the volume %s to the probe pods of %s, such as a token of the service account %s; the probe reads none",
				v.Name, p.words(), p.identity.Account))
		}
	}
}

// where is the namespace, and of a shadow also its workload.
func (p *place) where() string {
	return suites.Place{Namespace: p.namespace, Workload: p.workload, Proxied: p.proxied}.Where()
}

// words are those of a sentence about the place.
func (p *place) words() string { return "namespace " + p.namespace + p.as() }

// as says what its probes are, where they are shadows.
func (p *place) as() string {
	switch {
	case p.proxied:
		return " with sidecars"
	case p.workload == "":
		return ""
	}
	return " as shadows of " + p.workload
}

// siblings are the other places of its namespace.
func (p *place) siblings(of []*place) []*place {
	var found []*place
	for _, other := range of {
		if other != p && other.namespace == p.namespace {
			found = append(found, other)
		}
	}
	return found
}
