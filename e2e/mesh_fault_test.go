package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/mesh"
	"github.com/partywall/partywall/verdicts"
)

// A proxy that stops or is killed is no wall: of what it stands before, and of what
// its pod tries, nothing is claimed but what got through.
func TestMeshProxiesThatFail(t *testing.T) {
	requireMesh(t)
	for _, tc := range []struct {
		name   string
		signal syscall.Signal
		tenant int    // whose proxy it is
		slot   string // of the probe
		about  func(w *world, r verdicts.Result) bool
	}{
		{"a target's stops", syscall.SIGSTOP, 0, "sidecar-target-0",
			func(w *world, r verdicts.Result) bool {
				return strings.Contains(r.ID, "->"+w.tenants[0]) && strings.Contains(r.ID, "/sidecar-target-0/")
			}},
		{"a source's stops", syscall.SIGSTOP, 1, "sidecar-source", func(w *world, r verdicts.Result) bool { return r.From.Tenant == w.tenants[1] && r.From.Sidecar }},
		{"a target's is killed", syscall.SIGKILL, 0, "sidecar-target-0",
			func(w *world, r verdicts.Result) bool {
				return strings.Contains(r.ID, "->"+w.tenants[0]) && strings.Contains(r.ID, "/sidecar-target-0/")
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.inject(w.tenants[0])
			w.inject(w.tenants[1])
			w.setPolicy(w.tenants[0], networkingv1.NetworkPolicyIngressRule{}) // and no policy of the mesh: all of it is open
			w.registry = suites.Registry{mesh.Suite{}}
			ended := func() bool { return true }
			ns := w.spaces[w.tenants[tc.tenant]][0]
			results, outcome := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
				o.Progress = hook{t: t, phase: before1, do: func() {
					pid := processOf(t, w.probe(ns, tc.slot), "/usr/local/bin/envoy\x00")
					if tc.signal == syscall.SIGSTOP {
						stop(t, pid)
						return
					}
					require.NoError(t, syscall.Kill(pid, tc.signal))
					ended = func() bool { return syscall.Kill(pid, 0) != nil }
				}}
			})
			struck := 0
			for _, r := range results {
				if r.Check == "egress" || r.Check == "known" {
					if tc.slot == "sidecar-target-0" && tc.signal == syscall.SIGSTOP && r.From.Namespace == ns {
						require.Equal(t, verdicts.Inconclusive, r.Verdict, "its own proxy says nothing to it: %s: %s", r.ID, r.Why)
					}
					continue
				}
				if r.Out || !strings.Contains(r.ID, "->"+w.tenants[0]) {
					continue
				}
				allowed := []verdicts.Verdict{verdicts.Leak}
				if tc.about(w, r) {
					struck++
					allowed = append(allowed, verdicts.Inconclusive)
				}
				if r.Check == "proxy-port" && !servesOthers(r.Port) {
					allowed = append(allowed, verdicts.Skipped) // which answers nobody
				}
				require.Contains(t, allowed, r.Verdict, "%s: %s", r.ID, r.Why)
			}
			require.NotZero(t, struck)
			require.True(t, ended(), "the signal ended nothing")
			if tc.signal == syscall.SIGSTOP {
				require.True(t, slices.ContainsFunc(results, func(r verdicts.Result) bool { return tc.about(w, r) && r.Verdict == verdicts.Inconclusive }))
			}
			require.Empty(t, outcome.Left)
			w.requireClean()
		})
	}
}
