package reports

import (
	"cmp"
	"slices"

	"github.com/partywall/partywall/verdicts"
)

// wall is what stands between one tenant and all others, as far as one check
// tries it: where a hole is, one change closes it for all pairs. It stands
// around whoever is tried, and on a way out around whoever tries.
type wall struct {
	suite, check, tenant, around string // around: the tenant, or its shadow
	service, outside             string
	out                          bool
}

func wallOf(r *verdicts.Result) wall {
	side := r.To
	if r.Out {
		side = r.From
	}
	return wall{r.Suite, r.Check, side.Tenant, side.Who(), r.Service, r.Outside, r.Out}
}

// gap is all that one wall has to be looked at for.
type gap struct {
	wall
	class    class
	severity string
	first    *verdicts.Result // of the worst class and severity
	counts   [classCount]int
	others   map[string]bool // at the far end
	reasons  []string        // why what is excepted is accepted, distinct
}

// gaps groups what needs attention by wall, the worst first.
func gaps(results verdicts.Results) []*gap {
	var list []*gap
	seen := map[wall]*gap{}
	for r := range results.All() {
		c := classOf(r)
		if !c.attention() {
			continue
		}
		w := wallOf(r)
		g := seen[w]
		if g == nil {
			g = &gap{wall: w, class: c, severity: r.Severity, first: r, others: map[string]bool{}}
			seen[w], list = g, append(list, g)
		}
		g.add(r, c)
	}
	slices.SortStableFunc(list, func(a, b *gap) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(severityRank(a.severity), severityRank(b.severity)))
	})
	return list
}

func (g *gap) add(r *verdicts.Result, c class) {
	g.counts[c]++
	other := r.From.Who()
	if g.out {
		other = r.To.Who()
	}
	g.others[other] = true
	if cmp.Or(cmp.Compare(c, g.class), cmp.Compare(severityRank(r.Severity), severityRank(g.severity))) < 0 {
		g.class, g.severity, g.first = c, r.Severity, r
	}
	if c != classExcepted || len(g.reasons) == mostReasons {
		return
	}
	if why := acceptance(r); !slices.Contains(g.reasons, why) {
		g.reasons = append(g.reasons, why)
	}
}
