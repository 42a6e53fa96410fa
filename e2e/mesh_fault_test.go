package e2e

import (
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
		tenant int // whose proxy it is
	}{
		{"a target's stops", syscall.SIGSTOP, 0},
		{"a source's stops", syscall.SIGSTOP, 1},
		{"a target's is killed", syscall.SIGKILL, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, a, _ := inMesh(t)
			w.setPolicy(a, networkingv1.NetworkPolicyIngressRule{}) // and no policy of the mesh: all of it is open
			w.registry = suites.Registry{mesh.Suite{}}
			stopped := tc.signal == syscall.SIGSTOP
			var struck string
			ended := func() bool { return true }
			results, outcome := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
				o.Progress = hook{t: t, phase: before1, do: func() {
					pod := w.probe(w.spaces[w.tenants[tc.tenant]][0], "sidecar-target-0")
					struck = pod.Name
					pid := processOf(t, pod, "/usr/local/bin/envoy\x00")
					if stopped {
						stop(t, pid)
						return
					}
					require.NoError(t, syscall.Kill(pid, tc.signal))
					ended = func() bool { return syscall.Kill(pid, 0) != nil }
				}}
			})
			counted := map[verdicts.Verdict]int{}
			for _, r := range results {
				is := r.From.Pod == struck || r.To.Pod == struck
				if is {
					counted[r.Verdict]++
				}
				require.Contains(t, ofProxies(w, r, is, stopped), r.Verdict, "%s: %s", r.ID, r.Why)
			}
			t.Log(counted)
			require.NotEmpty(t, counted)
			if stopped {
				require.NotZero(t, counted[verdicts.Inconclusive])
			}
			require.True(t, ended(), "the signal ended nothing")
			require.Empty(t, outcome.Left)
			w.requireClean()
		})
	}
}

// ofProxies are the verdicts that a result may have, where a proxy is struck that
// stands before its target, or its source.
func ofProxies(w *world, r verdicts.Result, struck, stopped bool) []verdicts.Verdict {
	var may []verdicts.Verdict
	switch {
	case r.Out, r.Check == "known", r.Check == "identity", strings.HasPrefix(r.Check, "bypass-"), r.To.Tenant == w.tenants[1]:
		if !struck || !stopped {
			return []verdicts.Verdict{r.Verdict} // which is not what this is about
		}
		may = append(may, verdicts.Skipped) // a name that is not in this cluster
		if r.Check == "proxy-port" {
			may = append(may, verdicts.Unreached) // of the agent, which still answers its own tenant, behind the network's wall
		}
	case strings.HasPrefix(r.Check, "tls-"):
		if !struck || !stopped { // one that is killed is there again soon
			may = append(may, verdicts.Isolated)
		}
	case r.Check == "proxy-port" && (struck && stopped || !servesOthers(r.Port)):
		may = append(may, verdicts.Skipped) // which answers nobody
		fallthrough
	default:
		may = append(may, verdicts.Leak)
	}
	if struck {
		may = append(may, verdicts.Inconclusive)
	}
	return may
}
