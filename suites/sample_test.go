package suites

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// planOf has two attempts, by name and by address, for each ordered pair of
// tenants and each of some checks.
func planOf(tenants, checks int) []Attempt {
	var plan []Attempt
	for from := range tenants {
		for to := range tenants {
			for check := range checks {
				for _, address := range []Address{ServiceName, PodIP} {
					if from != to {
						plan = append(plan, Attempt{
							Suite: "network", Check: fmt.Sprint(check), Address: address,
							From: Place{Tenant: fmt.Sprint("t", from), Namespace: "a"}, To: Place{Tenant: fmt.Sprint("t", to), Namespace: "a"},
						})
					}
				}
			}
		}
	}
	return plan
}

// of draws from a plan that goes by.
func (s Sample) of(plan []Attempt) ([]Attempt, error) {
	lots := newLots(s)
	for _, a := range plan {
		lots.add(a)
	}
	drawn, err := lots.draw()
	return slices.DeleteFunc(slices.Clone(plan), func(a Attempt) bool { return !drawn.has(a) }), err
}

func TestASampleHasEveryTenantOnBothSides(t *testing.T) {
	plan := planOf(20, 5)
	for seed := range uint64(50) {
		got, err := Sample{Size: 200, Seed: seed}.of(plan)
		require.NoError(t, err)
		assert.InDelta(t, 200, len(got), 1)
		sources, targets, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, a := range got {
			sources[a.From.Tenant], targets[a.To.Tenant] = true, true
			ids[a.ID()] = true
		}
		assert.Len(t, ids, len(got), "none twice")
		assert.Len(t, sources, 20)
		assert.Len(t, targets, 20)
		for _, a := range got {
			assert.True(t, ids[a.Beside()], "%s without what stands beside it", a.ID())
		}
		again, err := Sample{Size: 200, Seed: seed}.of(plan)
		require.NoError(t, err)
		assert.Equal(t, got, again, "the same seed, the same sample")
	}
	one, _ := Sample{Size: 200, Seed: 1}.of(plan)
	two, _ := Sample{Size: 200, Seed: 2}.of(plan)
	assert.NotEqual(t, one, two)
}

// What is forgotten on the way could not have won.
func TestASampleOfALargePlanForgetsNoWinner(t *testing.T) {
	plan := planOf(40, 5)
	for seed := range uint64(20) {
		small := newLots(Sample{Size: 150, Seed: seed})
		for _, a := range plan {
			small.add(a)
		}
		assert.Less(t, len(small.groups), len(plan)/4, "not all is held")
		got, err := small.draw()
		require.NoError(t, err)
		all := newLots(Sample{Size: len(plan), Seed: seed})
		for _, a := range plan {
			all.add(a)
		}
		all.Size = 150
		all.seen = len(plan)
		want, err := all.draw()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestASampleOfAllOrTooFew(t *testing.T) {
	plan := planOf(5, 2)
	for _, size := range []int{0, len(plan), len(plan) + 1} {
		got, err := Sample{Size: size}.of(plan)
		require.NoError(t, err)
		assert.Equal(t, plan, got)
	}
	_, err := Sample{Size: 2}.of(plan)
	require.ErrorContains(t, err, "--sample: 2 attempts are too few to have every tenant as a source and as a target; these take")
}

func TestWhatIsSkippedIsKept(t *testing.T) {
	plan := planOf(5, 2)
	plan[3].Skip = "not here"
	got, err := Sample{Size: 30, Seed: 7}.of(plan)
	require.NoError(t, err)
	assert.Contains(t, got, plan[3])
}

// An attempt by a proxy is drawn with that without one, beside which it stands.
func TestASampleKeepsAttemptsByProxiesWithThoseWithout(t *testing.T) {
	var plan []Attempt
	for _, a := range planOf(6, 2) {
		if a.Address != ServiceName {
			continue
		}
		a.Suite, a.To.Proxied = "mesh", true
		proxied := a
		proxied.From.Proxied = true
		plan = append(plan, a, proxied)
	}
	for seed := range uint64(10) {
		got, err := Sample{Size: 40, Seed: seed}.of(plan)
		require.NoError(t, err)
		assert.InDelta(t, 40, len(got), 2)
		ids := map[string]bool{}
		for _, a := range got {
			ids[a.ID()] = true
		}
		proxied := 0
		for _, a := range got {
			if a.From.Proxied {
				proxied++
				assert.True(t, ids[a.Beside()], "%s without what stands beside it", a.ID())
			}
		}
		assert.Equal(t, len(got)/2, proxied)
	}
}
