package runner

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// lookTimeout bounds one look at all the objects.
const lookTimeout = 30 * time.Second

// lookout names the policies and workloads that change while a run is under
// way, also those that change and change back.
type lookout struct {
	run    *run
	mu     sync.Mutex
	views  []*view
	ending context.CancelFunc
	wg     sync.WaitGroup
}

// view is the objects of one kind, in one namespace or in all.
type view struct {
	kind
	namespace string
	versions  map[objectKey]string
}

type objectKey struct{ namespace, name string }

// lookOut begins to look: it takes down what there is, and watches from there.
func (r *run) lookOut(ctx context.Context) *lookout {
	l := &lookout{run: r}
	kinds, err := r.cluster.kinds()
	if err != nil {
		l.blind(kind{wall: true}, "", fmt.Sprintf("changes to policies may have gone unseen: %v", err))
	}
	watching, ending := context.WithCancel(ctx)
	l.ending = ending
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for _, k := range kinds {
		if err := l.open(watching, looking, k, metav1.NamespaceAll); !apierrors.IsForbidden(err) || !k.namespaced {
			l.unseen(k, metav1.NamespaceAll, err)
			continue
		}
		_ = r.eachPlace(looking, func(looking context.Context, p *place) error {
			if p.problem == "" && p.workload == "" && !p.proxied {
				l.unseen(k, p.namespace, l.open(watching, looking, k, p.namespace))
			}
			return nil
		})
	}
	return l
}

// open takes one view and watches it until the lookout ends.
func (l *lookout) open(watching, looking context.Context, k kind, namespace string) error {
	objects := l.run.cluster.Metadata.Resource(k.GroupVersionResource).Namespace(namespace)
	list, err := objects.List(looking, l.options(k))
	if err != nil {
		return err
	}
	v := &view{kind: k, namespace: namespace, versions: l.versions(k, list)}
	if k.namesPorts() && len(v.versions) > 0 {
		l.run.note(fmt.Sprintf("there are objects of kind %s, which Partywall does not read: what they do to the ports that it tries, it sees; "+
			"a port that they alone name is not tried", k.name))
	}
	watcher, err := watchtools.NewRetryWatcherWithContext(watching, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = l.options(k).LabelSelector
			w, err := objects.Watch(ctx, o)
			if apierrors.IsForbidden(err) { // which the retrying watcher takes for something that passes
				l.unseen(k, namespace, err)
			}
			return w, err
		},
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.views = append(l.views, v)
	l.mu.Unlock()
	l.wg.Go(func() { l.follow(watching, v, watcher) })
	return nil
}

func (l *lookout) versions(k kind, list *metav1.PartialObjectMetadataList) map[objectKey]string {
	versions := map[objectKey]string{}
	for i := range list.Items {
		if o := &list.Items[i]; l.concerns(k, o) {
			versions[keyOf(o)] = versionOf(o)
		}
	}
	return versions
}

// options narrow a view: of pods, to the run's own.
func (l *lookout) options(k kind) metav1.ListOptions {
	if k.Resource == ownPods {
		return metav1.ListOptions{LabelSelector: ourPods(l.run.id)}
	}
	return metav1.ListOptions{}
}

// concerns leaves out what lies in namespaces that the run has nothing in.
func (l *lookout) concerns(k kind, o *metav1.PartialObjectMetadata) bool {
	namespace := o.Namespace
	switch {
	case k.Resource == "namespaces":
		namespace = o.Name
	case !k.namespaced:
		return true
	}
	return l.run.spaces[namespace]
}

func keyOf(o *metav1.PartialObjectMetadata) objectKey { return objectKey{o.Namespace, o.Name} }

// versionOf changes where an object, its labels or its specification do, and
// not where only its status does.
func versionOf(o *metav1.PartialObjectMetadata) string {
	return fmt.Sprintf("%s/%d/%s", o.UID, o.Generation, labels.FormatLabels(o.Labels))
}

// follow names the changes of a view as they come.
func (l *lookout) follow(ctx context.Context, v *view, watcher *watchtools.RetryWatcher) {
	defer watcher.Stop()
	for e := range watcher.ResultChan() {
		if e.Type == watch.Error {
			l.unseen(v.kind, v.namespace, apierrors.FromObject(e.Object))
			return
		}
		o, ok := e.Object.(*metav1.PartialObjectMetadata)
		if !ok || e.Type == watch.Bookmark || !l.concerns(v.kind, o) {
			continue
		}
		now := ""
		if e.Type != watch.Deleted {
			now = versionOf(o)
		}
		l.compare(v, keyOf(o), now)
	}
	if ctx.Err() == nil {
		l.unseen(v.kind, v.namespace, fmt.Errorf("the watch ended"))
	}
}

// compare holds what an object is now, empty where it is no more, against what
// it was, and remembers it.
func (l *lookout) compare(v *view, key objectKey, now string) {
	l.mu.Lock()
	was := v.versions[key]
	v.versions[key] = now
	l.mu.Unlock()
	how := "changed"
	switch {
	case was == now:
		return
	case was == "" && v.Resource == ownPods:
		return // the run made it
	case was == "":
		how = "was created"
	case now == "":
		how = "was deleted"
	}
	name := key.name
	if key.namespace != "" {
		name = key.namespace + "/" + key.name
	}
	l.blind(v.kind, l.scope(v.kind, key), fmt.Sprintf("%s %s %s while the run was under way", v.name, name, how))
}

// scope is the namespace whose walls an object is part of; empty for all.
func (l *lookout) scope(k kind, key objectKey) string {
	if k.Resource == "namespaces" {
		return key.name
	}
	return key.namespace
}

// unseen notes that a view could not be had, or not to the end.
func (l *lookout) unseen(k kind, namespace string, err error) {
	if err == nil {
		return
	}
	where := "the cluster"
	if namespace != "" {
		where = "namespace " + namespace
	}
	l.blind(k, namespace, fmt.Sprintf("changes to %s objects of %s went unseen: %v", k.name, where, err))
}

// blind notes something, and for a wall remembers that the namespace's, or all,
// cannot be taken for the same throughout.
func (l *lookout) blind(k kind, namespace, text string) {
	l.run.note(text)
	if k.wall {
		l.run.unsettle(namespace, text)
	}
}

// again looks once more, for what the watches have not brought yet.
func (l *lookout) again(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for _, v := range l.views {
		list, err := l.run.cluster.Metadata.Resource(v.GroupVersionResource).Namespace(v.namespace).List(ctx, l.options(v.kind))
		if err != nil {
			l.unseen(v.kind, v.namespace, err)
			continue
		}
		now := l.versions(v.kind, list)
		l.mu.Lock()
		all := maps.Clone(v.versions)
		l.mu.Unlock()
		maps.Copy(all, now)
		for key := range all {
			l.compare(v, key, now[key])
		}
	}
}

// end stops looking, before the run removes its own pods.
func (l *lookout) end() {
	l.ending()
	l.wg.Wait()
}

// unsettle remembers that the walls of a namespace, or of all, may not have
// been the same throughout.
func (r *run) unsettle(namespace, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unsettled == nil {
		r.unsettled = map[string]string{}
	}
	if r.unsettled[namespace] == "" {
		r.unsettled[namespace] = why
	}
}

// unsettledBetween says why the walls between two namespaces may have changed.
func (r *run) unsettledBetween(namespaces ...string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ns := range append([]string{metav1.NamespaceAll}, namespaces...) {
		if why := r.unsettled[ns]; why != "" {
			return why
		}
	}
	return ""
}
