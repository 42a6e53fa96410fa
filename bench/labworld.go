package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// labWorld is the tenants' namespaces on a lab, and their walls.
type labWorld struct {
	client  kubernetes.Interface
	tenants []string
}

func newLabWorld(ctx context.Context, kubeconfig string, tenants int) (*labWorld, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 100, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	w := &labWorld{client: client}
	for i := range tenants {
		name := fmt.Sprintf("bench-%02d", i)
		labels := map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
		_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
		if err != nil {
			return w, err
		}
		w.tenants = append(w.tenants, name)
	}
	return w, w.awaitAccounts(ctx)
}

// awaitAccounts waits for the accounts without which no pod is admitted; a Job
// whose pod is refused waits longer than that.
func (w *labWorld) awaitAccounts(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		for _, ns := range w.tenants {
			if _, err := w.client.CoreV1().ServiceAccounts(ns).Get(ctx, "default", metav1.GetOptions{}); apierrors.IsNotFound(err) {
				return false, nil
			} else if err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

const wallName = "wall"

// walls closes all namespaces to each other, or opens them.
func (w *labWorld) walls(ctx context.Context, wall string) error {
	for _, ns := range w.tenants {
		policies := w.client.NetworkingV1().NetworkPolicies(ns)
		var err error
		if wall == open {
			err = policies.Delete(ctx, wallName, metav1.DeleteOptions{})
		} else {
			_, err = policies.Create(ctx, ownOnly(), metav1.CreateOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func ownOnly() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: wallName},
		Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}}},
		},
	}
}

// remove deletes the namespaces and waits until they are gone, so that the
// next bench finds their names free.
func (w *labWorld) remove(ctx context.Context) error {
	for _, ns := range w.tenants {
		if err := w.client.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		for _, ns := range w.tenants {
			if _, err := w.client.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				return false, err
			}
		}
		return true, nil
	})
}
