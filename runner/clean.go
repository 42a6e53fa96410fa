package runner

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// cleanTimeout bounds the removal of a run's objects from one namespace, their
// pods' end included.
const cleanTimeout = time.Minute

// ours selects what runs created; with an id, what that run did.
func ours(id string) string {
	selector := labelManaged + "=" + managedBy + "," + labelRun
	if id != "" {
		selector += "=" + id
	}
	return selector
}

// ourPods selects the pods of runs. A shadow has its workload's labels, the one
// that says who manages it among them.
func ourPods(id string) string {
	if id == "" {
		return labelRun
	}
	return labelRun + "=" + id
}

// cleanUp removes the run's own objects, also where the context has ended, and
// returns what is still there.
func (r *run) cleanUp(ctx context.Context) []string {
	r.opts.Progress.Phase("removing the probes")
	var mu sync.Mutex
	var left []string
	seen := map[string]bool{}
	_ = r.eachPlace(context.WithoutCancel(ctx), func(ctx context.Context, p *place) error {
		mu.Lock()
		done := seen[p.namespace]
		seen[p.namespace] = done || p.touched // with the shadows there
		mu.Unlock()
		if !p.touched || done {
			return nil
		}
		if err := r.cluster.remove(ctx, p.namespace, r.id); err != nil {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, err.Error())
		}
		return nil
	})
	return left
}

// remove deletes a run's Jobs and Services in a namespace and watches its pods
// until they are gone. What cannot be removed keeps nothing else.
func (c *Cluster) remove(ctx context.Context, namespace, id string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
	defer cancel()
	if err := errors.Join(c.removeJobs(ctx, namespace, id), c.removeServices(ctx, namespace, id)); err != nil {
		return err
	}
	return awaitGone(ctx, c.listPods(namespace, ourPods(id)), namespace)
}

// awaitGone watches a run's pods until none is left.
func awaitGone(ctx context.Context, lw cache.ListerWatcher, namespace string) error {
	there := map[string]bool{}
	_, err := watchtools.UntilWithSync(ctx, lw, &corev1.Pod{}, func(store cache.Store) (bool, error) {
		for _, o := range store.List() {
			if pod, ok := o.(*corev1.Pod); ok && isProbe(pod) {
				there[pod.Name] = true
			}
		}
		return len(there) == 0, nil
	}, func(e watch.Event) (bool, error) {
		if pod, ok := e.Object.(*corev1.Pod); ok && isProbe(pod) {
			there[pod.Name] = true
			if e.Type == watch.Deleted {
				delete(there, pod.Name)
			}
		}
		return len(there) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the probe pods of namespace %s to end, with %d left: %w", namespace, len(there), err)
	}
	return nil
}

func (c *Cluster) removeJobs(ctx context.Context, namespace, id string) error {
	jobs, err := c.jobs(ctx, namespace, id)
	if err != nil {
		return err
	}
	var failed []error
	for _, job := range jobs {
		if err := c.Client.BatchV1().Jobs(namespace).Delete(ctx, job.Name, just(job.ObjectMeta)); !isGone(err) {
			failed = append(failed, fmt.Errorf("removing Job %s/%s: %w", namespace, job.Name, err))
		}
	}
	return errors.Join(failed...)
}

func (c *Cluster) removeServices(ctx context.Context, namespace, id string) error {
	services, err := c.services(ctx, namespace, id)
	if err != nil {
		return err
	}
	var failed []error
	for _, s := range services {
		if err := c.Client.CoreV1().Services(namespace).Delete(ctx, s.Name, just(s.ObjectMeta)); !isGone(err) {
			failed = append(failed, fmt.Errorf("removing Service %s/%s: %w", namespace, s.Name, err))
		}
	}
	return errors.Join(failed...)
}

// jobs lists the Jobs that a run made, or with an empty id all runs, in a
// namespace or in all.
func (c *Cluster) jobs(ctx context.Context, namespace, id string) ([]batchv1.Job, error) {
	list, err := c.Client.BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{LabelSelector: ours(id)})
	if err != nil {
		return nil, fmt.Errorf("listing the probe Jobs of %s: %w", scopeWords(namespace), err)
	}
	return slices.DeleteFunc(list.Items, func(j batchv1.Job) bool { return !made(j.ObjectMeta) }), nil
}

// services lists the Services that a run made, as jobs does.
func (c *Cluster) services(ctx context.Context, namespace, id string) ([]corev1.Service, error) {
	list, err := c.Client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{LabelSelector: ours(id)})
	if err != nil {
		return nil, fmt.Errorf("listing the probe Services of %s: %w", scopeWords(namespace), err)
	}
	return slices.DeleteFunc(list.Items, func(s corev1.Service) bool { return !made(s.ObjectMeta) }), nil
}

func scopeWords(namespace string) string {
	if namespace == metav1.NamespaceAll {
		return "the cluster"
	}
	return "namespace " + namespace
}

// isProbe says that a pod belongs to a Job of the name that a run gives. A pod
// that only carries the labels is somebody else's.
func isProbe(p *corev1.Pod) bool {
	owner := metav1.GetControllerOf(p)
	return owner != nil && owner.Kind == "Job" && owner.APIVersion == batchv1.SchemeGroupVersion.String() &&
		made(metav1.ObjectMeta{Name: owner.Name, Labels: p.Labels})
}

// made says that an object has the name that a run gave it, which a tenant's
// own object with a run's labels has not.
func made(o metav1.ObjectMeta) bool {
	name, ok := strings.CutPrefix(o.Name, objectPrefix+o.Labels[labelRun]+"-")
	name = strings.TrimSuffix(placePrefix.ReplaceAllString(name, ""), nodePortSuffix)
	return ok && (name == headlessSuffix || slices.Contains(slotNames[:], name))
}

var placePrefix = regexp.MustCompile(`^(shadow-[0-9]+|sidecar)-`)

// isGone says of a deletion's answer that this very object is no more; a
// conflict means that another one has its name now.
func isGone(err error) bool {
	return err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err)
}

// just deletes this very object, not one of the same name that came after it.
func just(o metav1.ObjectMeta) metav1.DeleteOptions {
	background := metav1.DeletePropagationBackground
	return metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &o.UID},
		PropagationPolicy: &background,
	}
}

// Found is a run of which objects are still in the cluster.
type Found struct {
	Run        string
	Namespaces []string
	Dead       bool // all its probes have ended
}

// Find lists the runs that left objects, in the given namespaces or, where
// there are none given, in the whole cluster.
func (c *Cluster) Find(ctx context.Context, namespaces []string, id string) ([]Found, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	byRun := map[string]*Found{}
	for _, ns := range namespaces {
		// Services first: each belongs to a Job that was there before it, and
		// without that Job a run that has just begun would look dead.
		services, err := c.services(ctx, ns, id)
		if err != nil {
			return nil, err
		}
		for _, s := range services {
			found(byRun, s.Labels[labelRun], s.Namespace, true)
		}
		jobs, err := c.jobs(ctx, ns, id)
		if err != nil {
			return nil, err
		}
		for _, job := range jobs {
			found(byRun, job.Labels[labelRun], job.Namespace, dead(&job))
		}
	}
	var all []Found
	for _, f := range byRun {
		slices.Sort(f.Namespaces)
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Found) int { return strings.Compare(a.Run, b.Run) })
	return all, nil
}

func found(byRun map[string]*Found, run, namespace string, dead bool) {
	f, ok := byRun[run]
	if !ok {
		f = &Found{Run: run, Dead: true}
		byRun[run] = f
	}
	f.Dead = f.Dead && dead
	if !slices.Contains(f.Namespaces, namespace) {
		f.Namespaces = append(f.Namespaces, namespace)
	}
}

// dead says that a Job's probe has ended. A probe that no runner speaks to
// ends by itself.
func dead(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed)
	})
}

// Remove deletes what a run left, in each namespace whatever becomes of the
// others.
func (c *Cluster) Remove(ctx context.Context, f Found) error {
	var failed []error
	for _, ns := range f.Namespaces {
		failed = append(failed, c.remove(ctx, ns, f.Run))
	}
	return errors.Join(failed...)
}
