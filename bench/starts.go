package main

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// watchStarts sees how long pods take from when they are made until they are
// ready, with a client of its own. What it returns ends it and tells the
// slowest. A simulated cluster's are ready at once.
func watchStarts(ctx context.Context, c benchCase, config *rest.Config) (func() float64, error) {
	if c.Kind == kindSim {
		return func() float64 { return 0 }, nil
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	w, err := client.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{LabelSelector: "partywall.dev/run"})
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	made, slowest := map[types.UID]time.Time{}, time.Duration(0)
	wg.Go(func() {
		for e := range w.ResultChan() {
			pod, ok := e.Object.(*corev1.Pod)
			if !ok {
				continue
			}
			if at, known := made[pod.UID]; !known {
				made[pod.UID] = time.Now()
			} else if ready(pod) && !at.IsZero() {
				slowest = max(slowest, time.Since(at))
				made[pod.UID] = time.Time{}
			}
		}
	})
	return func() float64 {
		w.Stop()
		wg.Wait()
		return slowest.Seconds()
	}, nil
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
