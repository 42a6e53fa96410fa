package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// What a tenant's proxies let out to hosts that nobody declared shows in its own
// cells, and ends with REGISTRY_ONLY.
func TestMeshEgress(t *testing.T) {
	requireMesh(t)
	w, a, b := inMesh(t)
	w.promises = []string{`egress: {internet: denied, internetHosts: ["203.0.113.10:80", "203.0.113.10:443", "web.outside.example"]}`}
	ask := func(exit int, want want) {
		t.Helper()
		o := w.run("--suite", "mesh", "--only", "mesh/egress/*")
		results := ofSuite("mesh", o.record.Results)
		require.Len(t, results, 3*(len(w.spaces[a])+len(w.spaces[b])))
		w.requireVerdicts(results, want)
		require.Equal(t, exit, o.exit, o.stderr)
		w.requireClean()
	}
	everybody := func(verdicts.Result) verdicts.Verdict { return verdicts.Leak }
	ask(1, everybody)
	ns := w.spaces[b][0]
	open := w.scope(ns, map[string]any{"outboundTrafficPolicy": map[string]any{"mode": "REGISTRY_ONLY"}})
	ask(1, func(r verdicts.Result) verdicts.Verdict {
		if r.From.Namespace == ns {
			return verdicts.Unreached
		}
		return verdicts.Leak
	})
	open()
	ask(1, everybody)
}
