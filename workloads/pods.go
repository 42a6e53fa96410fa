package workloads

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"
)

// eachPod pages through the pods of a namespace.
func eachPod(ctx context.Context, client kubernetes.Interface, namespace string, do func(*corev1.Pod)) error {
	pages := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) {
		return client.CoreV1().Pods(namespace).List(ctx, o)
	}))
	all, _, err := pages.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return meta.EachListItem(all, func(o runtime.Object) error {
		pod, ok := o.(*corev1.Pod)
		if !ok {
			return fmt.Errorf("the list holds a %T", o)
		}
		do(pod)
		return nil
	})
}

// workloadOf names what a pod is one of. A Deployment is told by its
// ReplicaSet's name, which takes no right to look at either.
func workloadOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return "Pod/" + pod.Name
	}
	hash := "-" + pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if name, ok := strings.CutSuffix(owner.Name, hash); ok && owner.Kind == "ReplicaSet" && hash != "-" {
		return "Deployment/" + name
	}
	return owner.Kind + "/" + owner.Name
}
