package runner

import (
	"context"
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

// wantAll wants every result to have a verdict.
func wantAll(t *testing.T, results map[string]verdicts.Result, want verdicts.Verdict) {
	t.Helper()
	require.NotEmpty(t, results)
	for _, r := range results {
		require.Equal(t, want, r.Verdict, "%s: %s", r.ID, r.Why)
	}
}

// A crossing that works only once the attempts are over shows no way out of its
// source while they were made.
func TestACrossingThatIsInsistedOnIsNoWayOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2", "t3"))
		for i := range w.attempts {
			if a := &w.attempts[i]; a.From.Tenant == "t1" && a.To.Tenant == "t3" {
				a.Expect = suites.Allowed
			}
		}
		var began time.Time
		busy := func() bool { return !began.IsZero() && time.Since(began) < 2*time.Second }
		w.hooks.phase = func(name string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			began = time.Time{}
			if strings.HasSuffix(name, " attempts") {
				began = time.Now()
			}
		}
		w.lostFrom = func(f *fakeProbe, _ probes.Order) bool { return f.namespace == "t1" && busy() }
		w.wall = func(from, _ *fakeProbe, _ probes.Order) way {
			if from.namespace == "t1" && !busy() {
				return through
			}
			return dropped
		}
		results, e := w.run(t.Context())
		for _, r := range results {
			if r.From.Namespace == "t1" && r.To.Namespace == "t2" {
				require.Equal(t, verdicts.Inconclusive, r.Verdict, "%s: %s", r.ID, r.Why)
			}
		}
		w.requireClean(e)
	})
}

// Receipts that do not show an answered control are not whole.
func TestReceiptsThatLackAControlAreNotTriedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		first := true
		w.hooks.phase = func(name string) { first = first && !strings.HasPrefix(name, "waiting 10s") }
		w.wall = func(_, _ *fakeProbe, _ probes.Order) way {
			if first {
				return oneWay
			}
			return dropped
		}
		w.opts.TapReceipts = func(r []probes.Receipt) []probes.Receipt {
			if first {
				return nil
			}
			return r
		}
		results, _ := w.run(t.Context())
		wantAll(t, results, verdicts.Inconclusive)
	})
}

// What gets through in another go counts, also where that is cut short.
func TestALeakInAnotherGoThatIsCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		anew := false
		w.hooks.phase = func(name string) {
			if strings.Contains(name, "anew") {
				anew = true
				if strings.Contains(name, "round 2") {
					cancel()
				}
			}
		}
		w.lost = func(o probes.Order) bool { return !anew && o.Round == 2 && strings.HasPrefix(o.ID, "control/") }
		w.wall = func(_, _ *fakeProbe, _ probes.Order) way {
			if anew {
				return through
			}
			return dropped
		}
		results, e := w.run(ctx)
		wantAll(t, results, verdicts.Leak)
		assert.True(t, e.Interrupted)
	})
}

// One that is cut short without a leak proves nothing.
func TestAnotherGoThatIsCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		w.wall = closed
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.hooks.phase = func(name string) {
			if strings.Contains(name, "anew") && strings.Contains(name, "round 2") {
				cancel()
			}
		}
		w.lost = func(o probes.Order) bool { return o.Round == 2 && strings.HasPrefix(o.ID, "control/") }
		results, _ := w.run(ctx)
		wantAll(t, results, verdicts.Inconclusive)
	})
}

// A crossing that failed by itself in one round works where it does in all
// rounds of another go.
func TestACrossingIsTriedAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failures int // of the tries of the second rounds
		want     verdicts.Verdict
	}{"and works": {2, verdicts.Allowed}, "and fails again": {4, verdicts.Inconclusive}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				for i := range w.attempts {
					w.attempts[i].Expect = suites.Allowed
				}
				tries := map[string]int{}
				w.wall = func(_, _ *fakeProbe, o probes.Order) way {
					if o.Round == 2 {
						if tries[o.ID]++; tries[o.ID] <= c.failures {
							return failed
						}
					}
					return through
				}
				results, e := w.run(t.Context())
				wantAll(t, results, c.want)
				w.requireClean(e)
			})
		})
	}
}

// A source that said nothing may yet make its attempts: what it did not tell of
// is not tried anew.
func TestWhatASourceDidNotTellOfIsNotTriedAnew(t *testing.T) {
	t.Parallel()
	for name, draws := range map[string][]*shot{
		"alone":                                {{}},
		"before one that failed by itself":     {{}, {observation: &probes.Observation{}, outcome: probes.Error}},
		"behind one that failed by itself":     {{observation: &probes.Observation{}, outcome: probes.Error}, {}},
		"before one that was dropped":          {{}, {observation: &probes.Observation{}, outcome: probes.Dropped}},
		"behind several that were not dropped": {{observation: &probes.Observation{}, outcome: probes.Error}, {observation: &probes.Observation{}, outcome: probes.Refused}, {}},
	} {
		c := &cell{shots: draws[:1], draws: [][]*shot{draws[1:]}}
		assert.Nil(t, c.decisive(0).observation, name)
		assert.Nil(t, decisiveOfSweep(draws).observation, name)
	}
	c := &cell{shots: []*shot{{}}, draws: [][]*shot{{{observation: &probes.Observation{}, outcome: probes.Reached}}}}
	assert.Equal(t, probes.Reached, c.decisive(0).outcome, "what got through counts before all")
}
