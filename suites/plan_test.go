package suites

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/tenancy"
)

// wide is a suite with some attempts for each ordered pair, the name beside the
// address, and one for each tenant by itself.
type wide struct{ perPair int }

func (wide) Name() string     { return "wide" }
func (wide) Checks() []string { return []string{"pair", "alone"} }

func (w wide) Plan(_ *tenancy.Tenancy, part Part) []Attempt {
	var all []Attempt
	for _, from := range part.From {
		for _, to := range part.To {
			for port := range w.perPair {
				for _, address := range []Address{ServiceName, PodIP} {
					if from.Name != to.Name {
						all = append(all, Attempt{
							Suite: "wide", Check: "pair", From: Place{Tenant: from.Name, Namespace: from.Name}, To: Place{Tenant: to.Name, Namespace: to.Name},
							Address: address, Port: tenancy.Port{Protocol: "tcp", Number: 1 + port}, Do: probes.DoTCP, Severity: tenancy.High,
						})
					}
				}
			}
		}
		if part.Rest {
			all = append(all, Attempt{Suite: "wide", Check: "alone", From: Place{Tenant: from.Name, Namespace: from.Name}, Out: true, Severity: tenancy.High})
		}
	}
	return all
}

func many(tenants int) *tenancy.Tenancy {
	t := &tenancy.Tenancy{Severities: []tenancy.CheckSeverity{{Check: "wide/alone", Severity: tenancy.Low}}}
	for i := range tenants {
		t.Tenants = append(t.Tenants, tenancy.Tenant{Name: fmt.Sprintf("t%03d", i)})
	}
	return t
}

func TestAPlanIsMadeInParts(t *testing.T) {
	ten := many(120)
	registry := Registry{wide{2}}
	plan, err := Selection{}.Plan(registry, ten)
	require.NoError(t, err)
	ids := map[string]bool{}
	parts := 0
	for part := range plan.Parts() {
		parts++
		assert.Less(t, len(part), 2*partSize)
		inPart := map[string]bool{}
		for _, a := range part {
			id := a.ID()
			if ids[id] {
				t.Fatal("twice: ", id)
			}
			ids[id], inPart[id] = true, true
			if a.Check == "alone" {
				require.Equal(t, tenancy.Low, a.Severity)
			}
		}
		for _, a := range part {
			if !a.Out && !inPart[a.Beside()] {
				t.Fatal("without what stands beside it: ", a.ID())
			}
		}
	}
	assert.Greater(t, parts, 2)
	for _, a := range registry.Plan(ten, Whole(ten)) {
		if !ids[a.ID()] {
			t.Fatal("missing: ", a.ID())
		}
	}
	assert.Len(t, ids, 120*119*4+120)
	assert.Equal(t, len(ids), plan.Len())
	assert.Equal(t, len(ids), plan.Whole())
}

func TestASmallPlanIsOnePartInItsOwnOrder(t *testing.T) {
	for _, tenants := range []int{1, 2, 3, 30} {
		ten := many(tenants)
		registry := Registry{wide{2}}
		plan, err := Selection{Only: []string{"*"}}.Plan(registry, ten)
		require.NoError(t, err)
		want := registry.Plan(ten, Whole(ten))
		regrade(want, ten)
		assert.Equal(t, [][]Attempt{want}, slices.Collect(plan.Parts()), tenants)
	}
}

// However few a selection leaves, they are not made in many small parts.
func TestASampleOfALargePlanIsOnePart(t *testing.T) {
	registry := Registry{wide{2}}
	plan, err := Selection{Sample: Sample{Size: 1000, Seed: 3}}.Plan(registry, many(120))
	require.NoError(t, err)
	parts := slices.Collect(plan.Parts())
	require.Len(t, parts, 1)
	assert.InDelta(t, 1000, len(parts[0]), 1)
	assert.Equal(t, len(parts[0]), plan.Len())
	assert.Equal(t, 120*119*4+120, plan.Whole())
}

func TestASelectionHoldsForEveryPart(t *testing.T) {
	plan, err := Selection{Only: []string{"wide/pair/t000.*"}}.Plan(Registry{wide{2}}, many(120))
	require.NoError(t, err)
	n := 0
	for a := range plan.All() {
		n++
		assert.True(t, strings.HasPrefix(a.ID(), "wide/pair/t000.t000->"))
	}
	assert.Equal(t, 119*4, n)
	for range plan.All() {
		break // a reader may stop at any time
	}
}
