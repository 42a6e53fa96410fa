package runner

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/verdicts"
)

// onlySCTP are the network suite's attempts by SCTP.
func onlySCTP(w *world) []suites.Attempt {
	return slices.DeleteFunc(network.Suite{}.Plan(w.tenancy, suites.Whole(w.tenancy)), func(a suites.Attempt) bool { return a.Do != probes.DoSCTP })
}

func TestSCTP(t *testing.T) {
	t.Parallel()
	closed := between("t1", "t2", dropped)
	for _, c := range []struct {
		name string
		wall func(from, to *fakeProbe, o probes.Order) way
		lost func(o probes.Order) bool
		want verdicts.Verdict
		why  string
	}{
		{"walls that hold", closed, nil, verdicts.Isolated, "nothing of 2 attempts"},
		{"walls that are open", between("t1", "t2", through), nil, verdicts.Leak, "on SCTP port 9132: the attempt arrived and was answered"},
		{"walls that are open one way", between("t1", "t2", oneWay), nil, verdicts.Leak, "the target recorded its arrival"},
		{"a network that carries none", closed, func(o probes.Order) bool { return o.Do == probes.DoSCTP },
			verdicts.Skipped, "by SCTP t2 answers nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				w.wall, w.lost = c.wall, c.lost
				w.attempts = onlySCTP(w)
				results, e := w.run(t.Context())
				require.Len(t, results, 2*3)
				for id, r := range results {
					if r.From.Tenant == "t1" {
						require.Equal(t, c.want, r.Verdict, "%s: %s", id, r.Why)
						require.Contains(t, r.Why, c.why)
						require.Equal(t, verdicts.TwoSided, r.Grade)
						require.Equal(t, c.want == verdicts.Leak, r.Fails, id)
					}
				}
				w.requireClean(e)
			})
		})
	}
}

// Where either end's node has no SCTP there is nothing to try; between others
// there is, whatever the first lack.
func TestSCTPBetweenNodesWithAndWithout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		w.wall, w.noSCTP = between("t1", "t2", through), "b"
		w.attempts = onlySCTP(w)
		for _, a := range w.attempts {
			b := a
			b.Target, b.Placement = 1, suites.SameNode
			if a.Target == 0 && a.Placement == suites.SameNode {
				w.attempts = append(w.attempts, b)
			}
		}
		results, e := w.run(t.Context())
		seen := map[string]int{}
		for id, r := range results {
			seen[r.From.Node+">"+r.To.Node]++
			switch {
			case r.To.Node == "b":
				require.Equal(t, verdicts.Skipped, r.Verdict, id)
				require.Contains(t, r.Why, "nothing listens for SCTP on node b: no such protocol")
			case r.From.Node == "b":
				require.Equal(t, verdicts.Skipped, r.Verdict, id)
				require.Contains(t, r.Why, "nothing can be sent by SCTP from node b: no such protocol")
			case r.From.Tenant == "t1":
				require.Equal(t, verdicts.Leak, r.Verdict, "%s: %s", id, r.Why)
			default:
				require.Equal(t, verdicts.Isolated, r.Verdict, "%s: %s", id, r.Why)
			}
		}
		require.Len(t, seen, 4, "both nodes on both ends: %v", seen)
		w.requireClean(e)
	})
}
