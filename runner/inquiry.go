package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/rest"

	"golang.org/x/sync/errgroup"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// dryRunTimeout leaves a webhook the longest time that it may take, 30 s.
const dryRunTimeout = 35 * time.Second

// doDryRun is what the record of an observation has where a probe's has what
// was sent.
const doDryRun probes.Do = "dry-run"

// inquiry asks admission for a pod, and for the same pod without what a tenant
// ought not to have. Who asks is the runner, and nothing is created.
type inquiry struct {
	attempt *suites.Attempt
	plain   *corev1.Pod
	changed *corev1.Pod
	rounds  []verdicts.Seen
}

var createPods = authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods"}

// checkInquiries finds out where the runner may ask at all.
func (r *run) checkInquiries(ctx context.Context) error {
	namespaces := slices.Sorted(maps.Keys(r.asked))
	may := make([]bool, len(namespaces))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, namespace := range namespaces {
		group.Go(func() (err error) {
			attributes := createPods
			attributes.Namespace = namespace
			may[i], err = r.cluster.may(ctx, attributes)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	r.noPods = map[string]bool{}
	for i, namespace := range namespaces {
		r.noPods[namespace] = !may[i]
	}
	return nil
}

// bindInquiry makes the pods that a cell asks for. Where the runner may not ask,
// what is promised is without evidence, and anything else is not tried.
func (r *run) bindInquiry(a *suites.Attempt) *cell {
	c := &cell{attempt: a}
	if a.Skip != "" {
		return c
	}
	if r.noPods[a.From.Namespace] {
		why := fmt.Sprintf("the runner may not create pods in namespace %s, not even as a dry run; `partywall roles --admission --fence` has the role that lets it ask",
			a.From.Namespace)
		if a.Promised {
			c.problem = why
		} else {
			a.Skip = "opt-in: " + why
		}
		return c
	}
	plain := manifests.PlainPod()
	plain.Name, plain.Namespace = objectPrefix+r.id+"-admission", a.From.Namespace
	plain.Labels[labelRun] = r.id
	plain.Spec.Containers[0].Image = r.opts.Image
	changed := plain
	if a.Change.Patch != "" {
		var err error
		if changed, err = patched(plain, a.Change); err != nil {
			c.problem = err.Error()
			return c
		}
	}
	c.inquiry = &inquiry{attempt: a, plain: plain, changed: changed}
	return c
}

// patched is a pod with a change.
func patched(pod *corev1.Pod, change suites.Change) (*corev1.Pod, error) {
	before, err := json.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("writing pod %s: %w", pod.Name, err)
	}
	after, err := strategicpatch.StrategicMergePatch(before, []byte(change.Patch), corev1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("giving pod %s %s: %w", pod.Name, change.With, err)
	}
	var with corev1.Pod
	if err := json.Unmarshal(after, &with); err != nil {
		return nil, fmt.Errorf("giving pod %s %s: %w", pod.Name, change.With, err)
	}
	return &with, nil
}

// inquireAll asks what the part has to ask, a few namespaces at a time. What it
// takes counts for the time between the rounds.
func (p *part) inquireAll(ctx context.Context, round int) {
	var all []*inquiry
	for _, c := range p.cells {
		if c.inquiry != nil && c.tried() {
			all = append(all, c.inquiry)
		}
	}
	if len(all) == 0 {
		return
	}
	p.phase(round, "admission")
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, q := range all {
		group.Go(func() error {
			p.inquire(ctx, q, round)
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	p.lastRound = time.Now()
	for _, q := range all {
		if len(q.rounds) == round {
			p.observed(q.rounds[round-1].Observation, q.rounds[round-1].Outcome, false)
		}
	}
}

// inquire makes the two dry runs of a round. A run that ends meanwhile has not
// made it.
func (r *run) inquire(ctx context.Context, q *inquiry, round int) {
	at := time.Now()
	control, controlWords := r.dryRun(ctx, q.plain)
	began := time.Now()
	outcome, words := r.dryRunOf(ctx, q)
	if ctx.Err() != nil {
		return
	}
	q.rounds = append(q.rounds, verdicts.Seen{
		At: at, Draws: 1, Outcome: outcome,
		Observation: &probes.Observation{
			ID: q.attempt.ID(), Round: round, Do: doDryRun, Error: words,
			MS: float64(time.Since(began)) / float64(time.Millisecond),
		},
		Control: verdicts.Control{During: control, Error: controlWords, Rung: verdicts.RungSameNamespace},
	})
}

// dryRunOf asks for the pod that a tenant ought not to have. One that admission
// lets in without what makes it so, or with a proxy where it was to have none, was
// refused that.
func (r *run) dryRunOf(ctx context.Context, q *inquiry) (probes.Outcome, string) {
	admitted, err := r.createDry(ctx, q.changed)
	if err != nil {
		return readRefusal(err, q.changed.Name)
	}
	if q.attempt.Change.Proxyless {
		if tenancy.Meshed(*admitted) {
			return probes.Forbidden, "admission put the mesh's proxy beside it"
		}
		return probes.Reached, ""
	}
	again, err := patched(admitted, q.attempt.Change)
	switch {
	case err != nil:
		return probes.Error, err.Error()
	case !apiequality.Semantic.DeepEqual(again, admitted):
		return probes.Forbidden, "admission took " + q.attempt.Change.With + " off the pod, and let in what was left"
	}
	return probes.Reached, ""
}

// dryRun asks for a pod that anybody may have.
func (r *run) dryRun(ctx context.Context, pod *corev1.Pod) (probes.Outcome, string) {
	if _, err := r.createDry(ctx, pod); err != nil {
		return readRefusal(err, pod.Name)
	}
	return probes.Reached, ""
}

func (r *run) createDry(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(withoutWarnings(ctx), dryRunTimeout)
	defer cancel()
	return r.cluster.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

// warnings tell people what the API server warns of, but for what a dry run
// provokes by its nature.
type warnings struct{}

type unwarned struct{}

func withoutWarnings(ctx context.Context) context.Context {
	return context.WithValue(ctx, unwarned{}, true)
}

// HandleWarningHeaderWithContext is client-go's.
func (warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, agent, text string) {
	if ctx.Value(unwarned{}) == nil {
		rest.WarningLogger{}.HandleWarningHeaderWithContext(ctx, code, agent, text)
	}
}
