package runner

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// No place waits for another's pods to be ready before it has its own: here
// none is ready until all are made.
func TestPodsOfAllPlacesStartSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var namespaces []string
		for i := range 3 * atOnce {
			namespaces = append(namespaces, fmt.Sprintf("t%d", i))
		}
		var mu sync.Mutex
		var waiting []*batchv1.Job
		all := make(chan struct{})
		client := deploying(func(job *batchv1.Job) runtime.Object {
			mu.Lock()
			defer mu.Unlock()
			if waiting = append(waiting, job); len(waiting) == slots*len(namespaces) {
				close(all)
			}
			return nil
		})
		go func() {
			select {
			case <-all:
			case <-t.Context().Done():
				return
			}
			for _, job := range waiting {
				_ = client.Tracker().Add(readyPod(job)) // what is missing shows as a place that fails
			}
		}()
		r := runOn(client, namespaces...)
		require.NoError(t, r.deploy(t.Context(), func(*place) {}))
		for _, p := range r.places {
			require.Empty(t, p.problem)
		}
	})
}

// What a place is called ready for, as to be given its keys, is done while
// another's pods still start: here they start only then.
func TestAReadyPlaceWaitsForNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var waiting []*batchv1.Job
		client := deploying(func(job *batchv1.Job) runtime.Object {
			if job.Namespace == "t1" {
				return readyPod(job)
			}
			mu.Lock()
			defer mu.Unlock()
			waiting = append(waiting, job)
			return nil
		})
		r := runOn(client, "t1", "t2")
		var ready []string
		require.NoError(t, r.deploy(t.Context(), func(p *place) {
			ready = append(ready, p.namespace)
			if p.namespace != "t1" {
				return
			}
			synctest.Wait() // all of the other's Jobs are made
			for _, job := range waiting {
				_ = client.Tracker().Add(readyPod(job)) // what is missing shows as a place that fails
			}
		}))
		require.Equal(t, []string{"t1", "t2"}, ready)
		require.Empty(t, r.problems())
	})
}
