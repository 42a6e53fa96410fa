package runner

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/mesh"
	"github.com/partywall/partywall/verdicts"
)

// meshed has the mesh stand before some of a world's tenants, and the attempts
// that it decides about.
func meshed(w *world, tenants ...string) {
	for i, t := range w.tenancy.Tenants {
		if slices.Contains(tenants, t.Name) {
			w.tenancy.Tenants[i].Meshed = t.Namespaces
		}
	}
	w.attempts = nil
	for _, a := range (mesh.Suite{}).Plan(w.tenancy, suites.Whole(w.tenancy)) {
		if a.Proxy == "" && !a.Out && !a.Do.Inward() {
			w.attempts = append(w.attempts, a)
		}
	}
}

func TestProbesWithProxies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wall     func(from, to *fakeProbe, o probes.Order) way
		noInject []string
		want     verdicts.Verdict // of what t1 tries from probes with proxies
		why      string
	}{
		"walls that hold":   {closed, nil, verdicts.Isolated, "nothing of 2 attempts"},
		"walls that do not": {between("t1", "t2", through), nil, verdicts.Leak, "the attempt arrived and was answered"},
		"no injection":      {closed, []string{"t1"}, verdicts.Inconclusive, "the mesh put no proxy beside the probe pod"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				w.wall, w.noInject = tc.wall, tc.noInject
				meshed(w, "t1", "t2")
				results, e := w.run(t.Context())
				require.Len(t, results, 2*2*(2*4+len(probes.Forms()))+2*len(probes.Identities()))
				for id, r := range results {
					require.Equal(t, id, r.ID)
					if r.From.Tenant != "t1" || !strings.HasSuffix(id, "/sidecar") {
						continue
					}
					require.Equal(t, tc.want, r.Verdict, "%s: %s", id, r.Why)
					require.Contains(t, r.Why, tc.why)
				}
				w.requireClean(e)
			})
		})
	}
}

// A tenant whose pods have no proxies can ask for one, and get an identity by it:
// where the mesh gives it none there is nothing to try.
func TestATenantOutsideOfTheMeshAsksForAProxy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		noInject []string
		want     verdicts.Verdict
		why      string
	}{
		"and gets one":  {nil, verdicts.Leak, "the attempt arrived and was answered"},
		"and gets none": {[]string{"t1"}, verdicts.Skipped, "the mesh put no proxy beside the probe pod"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				w.noInject = tc.noInject
				w.wall = func(from, to *fakeProbe, _ probes.Order) way {
					if from.namespace == "t1" && strings.HasPrefix(from.slot, "sidecar-") {
						return through
					}
					return dropped
				}
				meshed(w, "t2")
				results, e := w.run(t.Context())
				require.Len(t, results, 2*(2*4+len(probes.Forms()))+len(probes.Identities()))
				for id, r := range results {
					want, why := verdicts.Isolated, "nothing of 2 attempts"
					if strings.HasSuffix(id, "/sidecar") {
						want, why = tc.want, tc.why
					}
					require.Equal(t, want, r.Verdict, "%s: %s", id, r.Why)
					require.Contains(t, r.Why, why)
				}
				w.requireClean(e)
			})
		})
	}
}

// What the proxy beside a pod would not let out says nothing of a port: the
// namespace's plain probes ask it, and the other controls are as ever.
func TestControlsOfTargetsWithProxies(t *testing.T) {
	t.Parallel()
	tenants := tenantsOf("t1", "t2")
	tenants.Tenants[1].Meshed = []string{"t2"}
	plan := slices.DeleteFunc(mesh.Suite{}.Plan(tenants, suites.Whole(tenants)), func(a suites.Attempt) bool { return a.Out || a.Do.Inward() })
	places := surveyOf(whole(plan...)).places
	require.Len(t, places, 4)
	for _, p := range places {
		for slot, q := range standing(p.tenant, p.namespace, "a", "b", "a").pods {
			q.place, q.sidecar = p, p.proxied
			p.pods[slot] = q
		}
	}
	ports, part := 0, bound(tenants, false, plan, places...)
	for _, c := range part.cells {
		id := c.attempt.ID()
		require.Empty(t, c.problem, id)
		require.NotEmpty(t, c.controls, id)
		for _, rung := range c.controls {
			require.Equal(t, verdicts.RungSameNamespace, rung.kind, id)
			require.Equal(t, c.attempt.Proxy == "", rung.control.source.place.proxied, id)
		}
		if c.attempt.Proxy != "" {
			ports++
		}
		require.Equal(t, c.attempt.From.Proxied, c.source.place.proxied, id)
	}
	require.NotZero(t, ports)
	// A source shows what it can reach by both kinds of its namespace's probes.
	reached := map[bool]bool{}
	for _, c := range part.controls {
		if c.source.place.proxied && c.source.place.tenant == "t1" {
			require.Equal(t, suites.ServiceName, c.address)
			reached[c.target.place.proxied] = true
		}
	}
	require.Equal(t, map[bool]bool{true: true, false: true}, reached)
}

// A source's own proxy is asked by the source, about the namespace of another
// tenant, and has to know a Service of the source's own.
func TestWhatASourcesProxyIsAsked(t *testing.T) {
	t.Parallel()
	tenants := tenantsOf("t1", "t2")
	tenants.Tenants[1].Meshed = []string{"t2"}
	plan := slices.DeleteFunc(mesh.Suite{}.Plan(tenants, suites.Whole(tenants)), func(a suites.Attempt) bool { return a.Do != probes.DoKnown })
	require.Len(t, plan, 2)
	places := surveyOf(whole(plan...)).places
	for _, p := range places {
		for slot, q := range standing(p.tenant, p.namespace, "a", "b", "a").pods {
			q.place, q.sidecar, q.job = p, p.proxied, "job-of-"+p.namespace
			p.pods[slot] = q
		}
	}
	part := bound(tenants, false, plan, places...)
	for _, c := range part.cells {
		require.True(t, c.tried(), c.problem)
		require.True(t, c.source.place.proxied && c.attempt.Sidecar)
		o := part.cellShot(c, c.source, 1).order
		require.Equal(t, c.attempt.To.Namespace, o.Namespace)
		require.Equal(t, "job-of-"+c.attempt.From.Namespace+"."+c.attempt.From.Namespace+".svc", o.Own)
		require.Empty(t, o.Host, "no resolver is asked, whose answer would show a way out")
	}
}
