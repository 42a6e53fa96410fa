package suites

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Sample is a part of a plan that is drawn by lot, for clusters whose whole
// plan is too much for a night. The zero value takes everything.
type Sample struct {
	Size int    // attempts, at least; zero: all
	Seed uint64 // the same seed draws the same attempts of the same plan
}

// of draws from a plan. First come attempts that have every tenant as a source
// and every tenant as a target, then any others. What judges another attempt
// by standing beside it is drawn with it, so that the sample may be a little
// larger than was asked for. What is skipped costs nothing and is kept.
func (s Sample) of(plan []Attempt) ([]Attempt, error) {
	if s.Size == 0 || s.Size >= len(plan) {
		return plan, nil
	}
	strata := strataOf(plan)
	random := rand.New(rand.NewPCG(s.Seed, uint64(len(plan))))
	random.Shuffle(len(strata), func(i, j int) { strata[i], strata[j] = strata[j], strata[i] })
	drawn, rest := cover(strata)
	size := 0
	for _, d := range drawn {
		size += len(d)
	}
	if size > s.Size {
		return nil, fmt.Errorf("--sample: %d attempts are too few to have every tenant as a source and as a target; these take %d", s.Size, size)
	}
	for _, more := range rest {
		if size >= s.Size {
			break
		}
		drawn, size = append(drawn, more), size+len(more)
	}
	return pick(plan, drawn), nil
}

// strataOf groups the attempts that belong together, by their places in a plan.
func strataOf(plan []Attempt) []stratum {
	byBeside := map[string]int{}
	var strata []stratum
	for i, a := range plan {
		if a.Skip != "" {
			continue
		}
		key := a.Beside()
		at, ok := byBeside[key]
		if !ok {
			at = len(strata)
			byBeside[key] = at
			strata = append(strata, nil)
		}
		strata[at] = append(strata[at], drawable{i, a.From.Tenant, a.To.Tenant})
	}
	return strata
}

type stratum []drawable

type drawable struct {
	at       int // in the plan
	from, to string
}

// cover takes from strata in a random order those by which some tenant is a
// source or a target for the first time.
func cover(strata []stratum) (covering, rest []stratum) {
	sources, targets := map[string]bool{}, map[string]bool{}
	for _, s := range strata {
		if sources[s[0].from] && targets[s[0].to] {
			rest = append(rest, s)
			continue
		}
		sources[s[0].from], targets[s[0].to] = true, true
		covering = append(covering, s)
	}
	return covering, rest
}

// pick keeps a plan's order.
func pick(plan []Attempt, drawn []stratum) []Attempt {
	var at []int
	for i, a := range plan {
		if a.Skip != "" {
			at = append(at, i)
		}
	}
	for _, s := range drawn {
		for _, d := range s {
			at = append(at, d.at)
		}
	}
	slices.Sort(at)
	picked := make([]Attempt, len(at))
	for i, n := range at {
		picked[i] = plan[n]
	}
	return picked
}
