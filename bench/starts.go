package main

import (
	"context"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// starts are the times of the slowest until it was ready.
type starts struct {
	Pod float64 // seconds from when a pod was made
	Job float64 // seconds from when its Job was made, of which a controller makes it
	Run float64 // seconds from the run's start
}

// watchStarts sees how long pods take until they are ready, with a client of its
// own. What it returns ends it and tells the slowest. A simulated cluster's are
// ready at once.
func watchStarts(ctx context.Context, c benchCase, config *rest.Config) (func() starts, error) {
	if c.Kind == kindSim {
		return func() starts { return starts{} }, nil
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	ours := metav1.ListOptions{LabelSelector: "partywall.dev/run"}
	jobs, err := client.BatchV1().Jobs("").Watch(ctx, ours)
	if err != nil {
		return nil, err
	}
	pods, err := client.CoreV1().Pods("").Watch(ctx, ours)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := map[types.UID]time.Time{} // Jobs and pods, by the first that was heard of them
	hear := func(uid types.UID) time.Time {
		mu.Lock()
		defer mu.Unlock()
		if made[uid].IsZero() {
			made[uid] = time.Now()
		}
		return made[uid]
	}
	wg.Go(func() {
		for e := range jobs.ResultChan() {
			if job, ok := e.Object.(*batchv1.Job); ok {
				hear(job.UID)
			}
		}
	})
	var slowest starts
	wg.Go(func() {
		up := map[types.UID]bool{}
		for e := range pods.ResultChan() {
			pod, ok := e.Object.(*corev1.Pod)
			if !ok {
				continue
			}
			podAt := hear(pod.UID)
			if up[pod.UID] || !ready(pod) {
				continue
			}
			up[pod.UID] = true
			slowest.Run = time.Since(begun).Seconds()
			slowest.Pod = max(slowest.Pod, time.Since(podAt).Seconds())
			if job := metav1.GetControllerOf(pod); job != nil {
				slowest.Job = max(slowest.Job, time.Since(hear(job.UID)).Seconds())
			}
		}
	})
	return func() starts {
		jobs.Stop()
		pods.Stop()
		wg.Wait()
		return slowest
	}, nil
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
