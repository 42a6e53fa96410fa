package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/partywall/partywall/verdicts"
)

// scope gives the proxies of a namespace a Sidecar of a specification, and returns
// what takes it away again.
func (w *world) scope(ns string, spec map[string]any) (widen func()) {
	w.t.Helper()
	sidecars := w.ofIstio("networking.istio.io", "v1", ns, "sidecars")
	_, err := sidecars.Create(context.Background(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": map[string]any{"name": "own"},
		"spec": spec,
	}}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	return func() { require.NoError(w.t, sidecars.Delete(context.Background(), "own", metav1.DeleteOptions{})) }
}

// What a tenant's proxies know of others shows in their own cells, and is gone
// once they are told of their own namespace alone.
func TestMeshKnowledge(t *testing.T) {
	requireMesh(t)
	w, a, b := inMesh(t)
	ask := func(want want) {
		t.Helper()
		o := w.run("--suite", "mesh", "--check", "known")
		results := ofSuite("mesh", o.record.Results)
		require.Len(t, results, 2*len(w.spaces[a])*len(w.spaces[b]))
		w.requireVerdicts(results, want)
		require.Equal(t, 0, o.exit, "of medium severity: %s", o.stderr)
		w.requireClean()
	}
	everybody := func(verdicts.Result) verdicts.Verdict { return verdicts.Leak }
	ask(everybody)
	ns := w.spaces[b][0]
	widen := w.scope(ns, map[string]any{"egress": []any{map[string]any{"hosts": []any{"./*"}}}})
	ask(func(r verdicts.Result) verdicts.Verdict {
		if r.From.Namespace == ns {
			return verdicts.Unreached
		}
		return verdicts.Leak
	})
	widen()
	ask(everybody)
}
