package runner

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"
)

// deploy puts the probes of every place out, waits until they are ready or
// somebody refuses them, and calls ready for the place, a few at a time, while
// another's may still start. A place that gets none is left with its problem;
// the others go on. The only error is the context's.
func (r *run) deploy(ctx context.Context, ready func(*place)) error {
	// All are looked at before any takes, since several may be of one namespace.
	err := r.eachPlace(ctx, func(ctx context.Context, p *place) error {
		if p.problem == "" {
			r.checkQuota(ctx, p)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	busy := make(chan struct{}, atOnce)
	return r.eachPlaceOf(ctx, startedAtOnce, func(ctx context.Context, p *place) error {
		turn := func(do func()) {
			busy <- struct{}{}
			defer func() { <-busy }()
			if p.problem == "" && ctx.Err() == nil {
				do()
			}
		}
		turn(func() { r.create(ctx, p) })
		if p.problem == "" && ctx.Err() == nil {
			r.awaitReady(ctx, p)
		}
		turn(func() { ready(p) })
		return ctx.Err()
	})
}

// createTimeout bounds the making of one place's objects.
const createTimeout = 30 * time.Second

// create makes the objects of a place. What was made before a refusal is
// removed with the run. It is not cut short where the context ends: a request
// that is cut may still be followed, after the run has looked for what to
// remove.
func (r *run) create(ctx context.Context, p *place) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	p.touched = true
	// The Jobs first: pods take longest to start, and need no Service for it.
	for slot := range slots {
		job, err := r.cluster.Client.BatchV1().Jobs(p.namespace).Create(ctx, r.job(p, slot), metav1.CreateOptions{})
		if err != nil {
			p.fail("the probe Job was refused in %s: %v", p.words(), err)
			return
		}
		p.pods[slot] = &pod{place: p, slot: slot, job: job.Name, jobUID: job.UID}
	}
	r.createServices(ctx, p)
}

// createServices makes those that lead to a place's targets.
func (r *run) createServices(ctx context.Context, p *place) {
	for _, q := range p.pods[:targets] {
		made := r.createService(ctx, p, r.service(q))
		if made == nil {
			return
		}
		q.cluster = made.Spec.ClusterIP
		r.openNodePorts(ctx, q)
	}
	r.createService(ctx, p, r.headless(p.pods[slotTarget0]))
}

// createService returns nil where it was refused.
func (r *run) createService(ctx context.Context, p *place, s *corev1.Service) *corev1.Service {
	made, err := r.cluster.Client.CoreV1().Services(p.namespace).Create(ctx, s, metav1.CreateOptions{})
	if err != nil {
		p.fail("the probe Service was refused in %s: %v", p.words(), err)
		return nil
	}
	return made
}

// awaitReady watches a place's pods until all are ready, and beside them the
// events that tell why a Job could not make its pod.
func (r *run) awaitReady(ctx context.Context, p *place) {
	deadline, cancel := context.WithTimeout(ctx, r.opts.DeployTimeout)
	defer cancel()
	var wg sync.WaitGroup
	var words string
	var refused bool
	wg.Go(func() {
		if words, refused = r.watchRefusals(deadline, p); refused {
			cancel()
		}
	})
	seen := newReadiness(r, p)
	err := r.watchPods(deadline, p, seen.update)
	cancel()
	wg.Wait()
	switch {
	case err == nil || ctx.Err() != nil:
	case refused:
		p.lack("the probe pods could not be created in %s: %s", p.words(), words)
	default:
		p.fail("the probe pods in %s were not ready within %s: %s", p.words(), r.opts.DeployTimeout,
			strings.TrimSuffix(seen.waiting()+"; "+words, "; "))
	}
}

func (r *run) watchPods(ctx context.Context, p *place, update func(*corev1.Pod) (bool, error)) error {
	lw := r.cluster.listPods(p.namespace, ourPods(r.id))
	_, err := watchtools.UntilWithSync(ctx, lw, &corev1.Pod{}, nil, func(e watch.Event) (bool, error) {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok {
			return false, nil
		}
		return update(pod)
	})
	return err
}

// watchRefusals returns what the events say of why one of the place's Jobs
// made no pod, in the API server's own words. Where those are a refusal it
// returns at once; what may pass by itself the Job's controller tries again,
// and it counts only where the context ends first.
func (r *run) watchRefusals(ctx context.Context, p *place) (words string, final bool) {
	lw := r.cluster.listRefusals(p.namespace)
	_, _ = watchtools.UntilWithSync(ctx, lw, &corev1.Event{}, nil, func(e watch.Event) (bool, error) {
		if event, ok := e.Object.(*corev1.Event); ok && p.ownsJob(event.InvolvedObject.Name) {
			words, final = event.Message, refusal(event.Message)
		}
		return final, nil
	})
	return words, final
}

// refusal knows the words of an API server that will say the same again.
func refusal(message string) bool {
	return slices.ContainsFunc([]string{"is forbidden", "denied the request", "is invalid"},
		func(words string) bool { return strings.Contains(message, words) })
}

func (p *place) ownsJob(name string) bool {
	for _, q := range p.pods {
		if q != nil && q.job == name {
			return true
		}
	}
	return false
}

// readiness follows the pods of one place.
type readiness struct {
	run    *run
	place  *place
	states map[string]string // of each Job's pod: empty when it is ready
}

func newReadiness(r *run, p *place) *readiness {
	states := map[string]string{}
	for _, q := range p.pods {
		states[q.job] = "no pod yet"
	}
	return &readiness{run: r, place: p, states: states}
}

func (s *readiness) update(got *corev1.Pod) (bool, error) {
	if s.run.isOfAnother(s.place, got) {
		return false, nil
	}
	q := s.place.podOf(got)
	if q == nil {
		s.run.note(fmt.Sprintf("pod %s/%s carries this run's labels and is none of its probes: "+
			"the probe's Service may select it, and what it answers counts as misrouted", got.Namespace, got.Name))
		return false, nil
	}
	if got.DeletionTimestamp != nil {
		return false, nil
	}
	state, final := podState(got, s.place.works)
	if final {
		s.place.fail("the probe pod %s/%s cannot run: %s", got.Namespace, got.Name, state)
		return true, nil
	}
	s.states[q.job] = state
	if state == "" {
		s.run.adopt(q, got)
	}
	for _, state := range s.states {
		if state != "" {
			return false, nil
		}
	}
	return true, nil
}

// isOfAnother says that a pod goes by the name of a probe of another place of
// the namespace, as shadows and the namespace's own do, which looks at it itself.
func (r *run) isOfAnother(p *place, got *corev1.Pod) bool {
	return slices.ContainsFunc(r.places, func(other *place) bool {
		return other != p && other.namespace == p.namespace && slices.Contains(other.slotNames(), got.Labels[labelPod])
	})
}

func (s *readiness) waiting() string {
	for _, q := range s.place.pods {
		if state := s.states[q.job]; state != "" {
			return q.job + ": " + state
		}
	}
	return "unknown"
}

// podOf finds the probe that a pod is: the one whose Job controls it. Labels
// prove nothing, since whoever makes pods in the namespace may set them.
func (p *place) podOf(got *corev1.Pod) *pod {
	owner := metav1.GetControllerOf(got)
	for _, q := range p.pods {
		if q != nil && owner != nil && owner.UID == q.jobUID {
			return q
		}
	}
	return nil
}

// podState says what a pod waits for, empty where it works, and whether that
// can no longer change.
func podState(got *corev1.Pod, works func(*corev1.Pod) bool) (state string, final bool) {
	switch got.Status.Phase {
	case corev1.PodFailed, corev1.PodSucceeded:
		return fmt.Sprintf("it ended as %s: %s %s", got.Status.Phase, got.Status.Reason, lastWords(got)), true
	}
	for _, s := range slices.Concat(got.Status.InitContainerStatuses, got.Status.ContainerStatuses) {
		w := s.State.Waiting
		if w == nil {
			continue
		}
		switch w.Reason {
		case "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return fmt.Sprintf("container %s: %s: %s", s.Name, w.Reason, w.Message), true
		}
	}
	if works(got) && len(got.Status.PodIPs) > 0 {
		return "", false
	}
	for _, c := range got.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "not scheduled: " + c.Message, false
		}
	}
	return "not ready", false
}

func lastWords(got *corev1.Pod) string {
	for _, s := range got.Status.ContainerStatuses {
		if t := s.State.Terminated; t != nil {
			return fmt.Sprintf("container %s exited with %d %s %s", s.Name, t.ExitCode, t.Reason, t.Message)
		}
	}
	return got.Status.Message
}

// adopt takes over what the cluster made of a pod.
func (r *run) adopt(q *pod, got *corev1.Pod) {
	q.name, q.node = got.Name, got.Spec.NodeName
	q.ips = q.ips[:0]
	for _, ip := range got.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil {
			q.ips = append(q.ips, a.Unmap())
		}
	}
	q.labels, q.ports = got.Labels, nil
	for _, c := range got.Spec.Containers {
		q.ports = append(q.ports, c.Ports...)
	}
	q.adopted = time.Now()
	q.started = q.adopted
	for _, s := range got.Status.ContainerStatuses {
		if s.Name == container && s.State.Running != nil {
			q.started = s.State.Running.StartedAt.Time
		}
	}
	r.compare(q, got)
}
