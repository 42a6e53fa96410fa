package tenancy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"
)

// view is what could be seen of a cluster's namespaces.
type view struct {
	live     map[string]*corev1.Namespace
	leaving  map[string]*corev1.Namespace // being deleted
	unseen   map[string]bool              // looking at them is forbidden
	complete bool                         // all of them are here, not only those asked for
	notes    []string
}

func (v *view) see(ns *corev1.Namespace) {
	if ns.DeletionTimestamp != nil || ns.Status.Phase == corev1.NamespaceTerminating {
		v.leaving[ns.Name] = ns
		return
	}
	v.live[ns.Name] = ns
}

// names are the live namespaces, sorted.
func (v *view) names() []string { return slices.Sorted(maps.Keys(v.live)) }

func (v *view) note(format string, args ...any) {
	v.notes = append(v.notes, fmt.Sprintf(format, args...))
}

// look lists the namespaces. Where that is forbidden and the file says by name
// which ones matter, it looks at these alone.
func look(ctx context.Context, client kubernetes.Interface, file *File) (*view, error) {
	v := &view{live: map[string]*corev1.Namespace{}, leaving: map[string]*corev1.Namespace{}, unseen: map[string]bool{}, complete: true}
	err := v.list(ctx, client)
	switch {
	case err == nil:
		return v, nil
	case apierrors.IsForbidden(err) && file.ByLabel == "":
		v.complete = false
		v.note("namespaces that no tenant claims could not be listed: %v", err)
		return v, v.get(ctx, client, file)
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("listing namespaces to find tenants by the label %q (a tenancy file that lists them all under tenants.list works without this right): %w", file.ByLabel, err)
	}
	return nil, fmt.Errorf("listing namespaces: %w", err)
}

// list pages through all namespaces.
func (v *view) list(ctx context.Context, client kubernetes.Interface) error {
	pages := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) {
		return client.CoreV1().Namespaces().List(ctx, o)
	}))
	all, _, err := pages.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return meta.EachListItem(all, func(o runtime.Object) error {
		ns, ok := o.(*corev1.Namespace)
		if !ok {
			return fmt.Errorf("the list holds a %T", o)
		}
		v.see(ns)
		return nil
	})
}

// get looks at the namespaces that the file names, one by one.
func (v *view) get(ctx context.Context, client kubernetes.Interface, file *File) error {
	for _, t := range file.List {
		for _, name := range t.Namespaces {
			if err := v.getOne(ctx, client, name); err != nil {
				return fmt.Errorf("looking at namespace %s of tenant %s: %w", name, t.Name, err)
			}
		}
	}
	for _, s := range file.Shared {
		switch err := v.getOne(ctx, client, s.Namespace); {
		case apierrors.IsForbidden(err):
			v.note("whether namespace %s of the shared service %s exists could not be seen: %v", s.Namespace, s.Name, err)
			v.unseen[s.Namespace] = true
		case err != nil:
			return fmt.Errorf("looking at namespace %s of the shared service %s: %w", s.Namespace, s.Name, err)
		}
	}
	return nil
}

// getOne looks at a namespace. One that is not there is no error yet.
func (v *view) getOne(ctx context.Context, client kubernetes.Interface, name string) error {
	ns, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	v.see(ns)
	return nil
}
