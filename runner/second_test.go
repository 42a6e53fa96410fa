package runner

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// dualWorld has two tenants on a cluster of two families.
func dualWorld(t *testing.T) *world {
	tenants := tenantsOf("t1", "t2")
	tenants.DualStack = true
	w := newWorld(t, tenants)
	w.secondOf = func(f *fakeProbe) string { return "fd00::" + strings.ReplaceAll(f.ip.String(), ".", ":") }
	return w
}

// byV6 says that an order leads to the second address.
func byV6(o probes.Order) bool { return strings.HasPrefix(o.Host, "fd00::") }

func TestTheSecondAddress(t *testing.T) {
	t.Parallel()
	v6 := func(what way) func(_, _ *fakeProbe, o probes.Order) way {
		return func(_, _ *fakeProbe, o probes.Order) way {
			if byV6(o) {
				return what
			}
			return dropped
		}
	}
	for _, c := range []struct {
		name   string
		set    func(*world)
		first  verdicts.Verdict
		second verdicts.Verdict
		why    string // of t1's by the second
	}{
		{"walls of both families", func(w *world) { w.wall = closed }, verdicts.Isolated, verdicts.Isolated, "arrived"},
		{"a wall of the first alone", func(w *world) { w.wall = v6(through) }, verdicts.Isolated, verdicts.Leak, "answered"},
		{"a wall of the first alone, that stops answers", func(w *world) { w.wall = v6(oneWay) }, verdicts.Isolated, verdicts.Leak, "recorded its arrival"},
		{"a wall of the second alone", func(w *world) {
			w.wall = func(_, _ *fakeProbe, o probes.Order) way {
				if byV6(o) {
					return dropped
				}
				return through
			}
		}, verdicts.Leak, verdicts.Isolated, "arrived"},
		{"a network that carries no IPv6", func(w *world) {
			w.wall, w.lost = closed, byV6
		}, verdicts.Isolated, verdicts.Inconclusive, "nothing that the source pod may reach answered it"},
		{"a source without IPv6", func(w *world) {
			w.wall = closed
			w.lostFrom = func(f *fakeProbe, o probes.Order) bool { return f.namespace == "t1" && byV6(o) }
		}, verdicts.Isolated, verdicts.Inconclusive, "nothing that the source pod may reach answered it"},
		{"targets that nobody reaches by it", func(w *world) {
			w.wall = closed
			w.lostFrom = func(f *fakeProbe, o probes.Order) bool { return f.namespace == "t2" && byV6(o) }
		}, verdicts.Isolated, verdicts.Inconclusive, "may not have been able to answer"},
		{"probes with one address each", func(w *world) { w.wall, w.secondOf = closed, nil }, verdicts.Isolated, verdicts.Skipped, "of one family alone"},
		{"one node without", func(w *world) {
			w.wall = closed
			all := w.secondOf
			w.secondOf = func(f *fakeProbe) string {
				if f.namespace == "t1" {
					return ""
				}
				return all(f)
			}
		}, verdicts.Isolated, verdicts.Inconclusive, "an address of one family alone, while others have two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := dualWorld(t)
				c.set(w)
				results, e := w.run(t.Context())
				w.requireClean(e)
				require.Empty(t, e.Notes)
				counts := map[suites.Address]int{}
				for id, r := range results {
					counts[r.Address]++
					switch {
					case r.Address != suites.PodIP2:
						require.Equal(t, c.first, r.Verdict, "%s: %s", id, r.Why)
					case r.From.Tenant == "t1":
						require.Equal(t, c.second, r.Verdict, "%s: %s", id, r.Why)
						require.Contains(t, r.Why, c.why)
					}
				}
				require.Equal(t, 2*3*3, counts[suites.PodIP2])
			})
		})
	}
}

// A cluster that showed its second family to nobody before says so once.
func TestASecondAddressThatWasNotPlannedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := dualWorld(t)
		w.wall, w.tenancy.DualStack = closed, false
		_, e := w.run(t.Context())
		require.Len(t, e.Notes, 1)
		require.Contains(t, e.Notes[0], "the second is not tried")
	})
}

func TestAddressesOfAPod(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, first, second string }{
		{"10.0.0.1", "10.0.0.1", "invalid IP"},
		{"fd00::1", "fd00::1", "invalid IP"},
		{"10.0.0.1 fd00::1", "10.0.0.1", "fd00::1"},
		{"fd00::1 10.0.0.1", "10.0.0.1", "fd00::1"},
		{"10.0.0.1 10.0.0.2", "10.0.0.1", "invalid IP"},
	} {
		q := &pod{}
		for text := range strings.FieldsSeq(c.all) {
			q.ips = append(q.ips, netip.MustParseAddr(text))
		}
		assert.Equal(t, []string{c.first, c.second}, []string{q.host(suites.PodIP), q.host(suites.PodIP2)}, c.all)
	}
}
