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
		require.NoError(t, r.deploy(t.Context()))
		for _, p := range r.places {
			require.Empty(t, p.problem)
		}
	})
}
