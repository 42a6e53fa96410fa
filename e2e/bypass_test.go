package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// Pods past their proxy: each hole is one of admission's, shows in its own cell
// alone, and a mesh that is promised is one that every pod gets.
func TestMeshBypasses(t *testing.T) {
	requireMesh(t)
	w := newWorld(t, 2)
	a, outside := w.tenants[0], w.tenants[1]
	w.inject(a)
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			w.letAsk(ns)
		}
	}
	ask := func(exit int, want want) {
		t.Helper()
		o := w.run("--suite", "mesh", "--only", "mesh/bypass-*", "--only", "mesh/injected/*")
		results := ofSuite("mesh", o.record.Results)
		// Eleven ways past a proxy in each namespace of a, and in each of all whether there is one.
		require.Len(t, results, 11*len(w.spaces[a])+len(w.spaces[a])+len(w.spaces[outside]))
		w.requireVerdicts(results, want)
		require.Equal(t, exit, o.exit, o.stderr)
	}
	holds := func(bypass func(verdicts.Result) verdicts.Verdict) want {
		return func(r verdicts.Result) verdicts.Verdict {
			switch {
			case strings.HasPrefix(r.Check, "bypass-"):
				return bypass(r)
			case r.From.Tenant == outside:
				return verdicts.Leak // which no pod gets a proxy in
			}
			return verdicts.Isolated
		}
	}
	w.promises = []string{"layers: [mesh]", "admission: {meshBypass: denied}"}
	ask(1, holds(func(verdicts.Result) verdicts.Verdict { return verdicts.Leak }))

	ns := w.spaces[a][0]
	labelled := plainPod(ns)
	labelled.Labels["sidecar.istio.io/inject"] = "false"
	reopen := w.allowOnly("object.metadata.?labels[?'sidecar.istio.io/inject'].orValue('') != 'false'", labelled)
	ask(1, holds(func(r verdicts.Result) verdicts.Verdict {
		if r.From.Namespace == ns && r.Check == "bypass-label" {
			return verdicts.Isolated
		}
		return verdicts.Leak
	}))
	reopen()
	w.awaitPod(labelled, true, "")

	w.allowOnly(documented(t), labelled)
	ask(1, holds(func(r verdicts.Result) verdicts.Verdict {
		if r.From.Namespace == ns {
			return verdicts.Isolated
		}
		return verdicts.Leak
	}))

	w.scaleIstiod(0)
	t.Cleanup(func() { w.scaleIstiod(1) })
	ask(1, func(r verdicts.Result) verdicts.Verdict {
		switch {
		case r.From.Tenant == outside:
			return verdicts.Leak
		case r.Check == "bypass-label" && r.From.Namespace != ns:
			return verdicts.Leak // which the mesh's webhook is not asked about
		}
		return verdicts.Inconclusive
	})
	w.requireClean()
}

// documented is the policy that the documentation advises, in one expression.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/mesh.md")
	require.NoError(t, err)
	var all []string
	for _, found := range regexp.MustCompile(`(?m)^    - expression: (.*)$`).FindAllSubmatch(text, -1) {
		all = append(all, "("+string(found[1])+")")
	}
	require.Len(t, all, 5)
	return strings.Join(all, " && ")
}
