package runner

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// listPods lists and watches the pods of a namespace that a selector selects.
func (c *Cluster) listPods(namespace, selector string) cache.ListerWatcher {
	return listWatch(c, c.Client.CoreV1().Pods(namespace), func(o *metav1.ListOptions) { o.LabelSelector = selector })
}

// listRefusals lists and watches the events that say why a Job made no pod.
func (c *Cluster) listRefusals(namespace string) cache.ListerWatcher {
	return listWatch(c, c.Client.CoreV1().Events(namespace), func(o *metav1.ListOptions) {
		o.FieldSelector = fields.Set{"involvedObject.kind": "Job", "reason": "FailedCreate"}.AsSelector().String()
	})
}

// lister is a typed client of one kind of object.
type lister[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

func listWatch[L runtime.Object](c *Cluster, of lister[L], narrow func(*metav1.ListOptions)) cache.ListerWatcher {
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			narrow(&o)
			return of.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			narrow(&o)
			return of.Watch(ctx, o)
		},
	}, c.Client)
}
