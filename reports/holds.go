package reports

import (
	"fmt"
	"io"

	"github.com/partywall/partywall/verdicts"
)

// mostHolds is how many of the good pairs are told with their reason: enough
// for a first look, and no wall of text where there are many tenants.
const mostHolds = 9

// holds groups what is as it should be, by pair.
func holds(rec *verdicts.Record) []*finding {
	type key struct {
		class    class
		from, to string
	}
	var list []*finding
	seen := map[key]*finding{}
	for r := range rec.Results.All() {
		c := classOf(r)
		if c.attention() || c == classSkipped {
			continue
		}
		k := key{c, r.From.Who(), r.To.Who()}
		if seen[k] == nil {
			seen[k] = &finding{class: c, first: r}
			list = append(list, seen[k])
		}
		seen[k].count++
	}
	return list
}

// writeHolds tells of the good pairs why they are called good.
func writeHolds(w io.Writer, rec *verdicts.Record, opt Options) {
	list := holds(rec)
	for _, f := range list[:min(len(list), mostHolds)] {
		c := classes[f.class]
		fmt.Fprintf(w, "%s: %s -> %s, %s\n", opt.paint(f.class, c.symbol+" "+c.word),
			line(f.first.From.Who()), line(f.first.To.Who()), plural(f.count, "attempt"))
		writeWrapped(w, opt, "    ", line(f.first.Why))
	}
	if more := len(list) - mostHolds; more > 0 {
		fmt.Fprintf(w, "And %s as they should be; results.json says of each why.\n", plural(more, "more pair"))
	}
	if len(list) > 0 {
		fmt.Fprintln(w)
	}
}
