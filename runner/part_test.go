package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// A plan that is too large for memory is judged as one that is not.
func TestPartsAreJudgedAsTheWholeIs(t *testing.T) {
	t.Parallel()
	verdictsOf := func(cut bool) (all map[string]verdicts.Verdict, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, tenantsOf("t1", "t2", "t3", "t4"))
			w.wall = between("t1", "t2", through)
			if cut {
				w.parts = slices.Collect(slices.Chunk(w.attempts, len(w.attempts)/12)) // a pair of namespaces each
			}
			start := time.Now()
			results, e := w.run(t.Context())
			took = time.Since(start)
			assert.Zero(t, e.TooLate)
			w.requireClean(e)
			all = map[string]verdicts.Verdict{}
			for id, r := range results {
				all[id] = r.Verdict
			}
		})
		return all, took
	}
	whole, one := verdictsOf(false)
	parts, twelve := verdictsOf(true)
	assert.Equal(t, whole, parts)
	assert.Contains(t, slices.Collect(maps.Values(parts)), verdicts.Leak)
	assert.Less(t, twelve, 12*one, "while a part waits for its second round the next has its first")
}

// What comes when its attempt was judged is no other's, and is said.
func TestWhatComesTooLateIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2", "t3"))
		w.wall = func(a, b *fakeProbe, o probes.Order) way {
			if a.namespace == "t1" && b.namespace == "t2" && o.Round == verdicts.Rounds {
				return belated
			}
			return dropped
		}
		to := func(from string) (part []suites.Attempt) {
			for _, a := range w.attempts {
				if a.From.Namespace == from && a.To.Namespace == "t2" && a.Do == probes.DoUDP && a.Address == suites.PodIP {
					part = append(part, a)
				}
			}
			return part
		}
		w.parts = [][]suites.Attempt{to("t1"), to("t3"), to("t3"), to("t3")}
		results, e := w.run(t.Context())
		require.NotEmpty(t, results)
		assert.Equal(t, len(w.parts[0]), e.TooLate)
		for _, r := range results {
			assert.NotEqual(t, verdicts.Leak, r.Verdict, r.ID)
		}
	})
}

// Of a part that was judged, not all is remembered.
func TestPartsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		most := map[int]int{}
		for _, n := range []int{6, 12} {
			w := newWorld(t, tenantsOf("t1", "t2"))
			w.wall = closed
			for range n {
				w.parts = append(w.parts, w.attempts[:4])
			}
			w.run(t.Context())
			most[n] = w.known
		}
		assert.Equal(t, most[6], most[12])
	})
}

// A control that is lost by chance takes no evidence with it: not in its round,
// and not where its attempts are made anew. One that is lost each time does.
func TestControlsThatAreLostByChance(t *testing.T) {
	t.Parallel()
	always := func(int) bool { return true }
	for _, c := range []struct {
		name  string
		lost  func(n int) bool // of the tries of a control in the rounds, from 1
		round int              // the only one in which it is lost; 0: any
		want  verdicts.Verdict
		anew  bool
	}{
		{"every other one", func(n int) bool { return n%2 == 1 }, 0, verdicts.Isolated, false},
		{"all of the first round before", func(n int) bool { return n <= controlTries }, 0, verdicts.Isolated, true},
		{"both among the attempts", func(n int) bool { return n == 2 || n == 3 }, 0, verdicts.Isolated, true},
		{"in each second round", always, 2, verdicts.Inconclusive, true},
		{"each time", always, 0, verdicts.Inconclusive, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				w.wall = closed
				tries := map[string]int{}
				w.lost = func(o probes.Order) bool {
					if o.Round == 0 || c.round != 0 && o.Round != c.round {
						return false
					}
					tries[o.ID]++
					return c.lost(tries[o.ID])
				}
				results, e := w.run(t.Context())
				for _, r := range results {
					require.Equal(t, c.want, r.Verdict, "%s: %s", r.ID, r.Why)
				}
				assert.Equal(t, c.anew, slices.ContainsFunc(e.Notes, isAnew), e.Notes)
				w.requireClean(e)
			})
		})
	}
}

func isAnew(note string) bool { return strings.Contains(note, "made anew") }

// What may have arrived unseen in the first go is not made up for by a later
// one that is stopped.
func TestWhatMayHaveArrivedIsNotTriedAnew(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]way{"natted": natted, "through": through} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				opened := map[string]bool{}
				w.wall = func(_, _ *fakeProbe, o probes.Order) way {
					if o.Round == 1 && !opened[o.ID] {
						opened[o.ID] = true
						return how
					}
					return dropped
				}
				w.lost = func(o probes.Order) bool { return o.Round == 2 && strings.HasPrefix(o.ID, "control/") }
				results, e := w.run(t.Context())
				for _, r := range results {
					require.NotEqual(t, verdicts.Isolated, r.Verdict, "%s: %s", r.ID, r.Why)
					if how == through && r.Address == suites.PodIP {
						require.Equal(t, verdicts.Leak, r.Verdict, "%s: %s", r.ID, r.Why)
					}
				}
				w.requireClean(e)
			})
		})
	}
}

// A crossing that works works, also where a try of it is lost by chance; one
// that is closed does not.
func TestACrossingThatIsLostByChance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lost int // so many of its first tries in each round
		want verdicts.Verdict
	}{
		"all but the last": {controlTries - 1, verdicts.Allowed},
		"all":              {controlTries, verdicts.Broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				for i := range w.attempts {
					w.attempts[i].Expect = suites.Allowed
				}
				tries := map[string]int{}
				w.wall = func(_, _ *fakeProbe, o probes.Order) way {
					key := fmt.Sprint(o.ID, o.Round)
					if tries[key]++; tries[key] <= c.lost {
						return dropped
					}
					return through
				}
				results, e := w.run(t.Context())
				for _, r := range results {
					require.Equal(t, c.want, r.Verdict, "%s: %s", r.ID, r.Why)
				}
				w.requireClean(e)
			})
		})
	}
}
