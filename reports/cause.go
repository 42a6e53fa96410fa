package reports

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// How much is kept of what there may be very many of.
const (
	mostCauses   = 10_000 // told apart; what follows is one of each class and suite
	mostWhys     = 3      // distinct, of one cause
	mostRemedies = 3
)

// cause is what one thing that is to be mended, accepted or known shows: one
// hole that opens four hundred cells is one cause with all their attempts.
type cause struct {
	key      causeKey
	first    *verdicts.Result // of the worst severity
	severity string
	count    int
	pairs    map[[2]int]bool // by row and column; not of what is as it should be
	sources  map[string]bool
	checks   map[string]int
	whys     sample
	behind   sample
	remedies sample
	told     told
	shown    int // of them, in the page
	number   int // its place in the page's list
}

// causeKey tells causes apart.
type causeKey struct {
	class  class
	suite  string
	place  string // where the hole is
	source string // of what is declared and blocked, whose way
	reason string
}

// sample is the first distinct few of many strings.
type sample struct {
	list []string
	more bool
}

func (s *sample) add(text string, most int) {
	switch {
	case text == "" || slices.Contains(s.list, text):
	case len(s.list) < most:
		s.list = append(s.list, text)
	default:
		s.more = true
	}
}

// keyOf says what a result shows. Where nothing names the hole itself, it is
// taken to be at the place that was tried: a namespace without its policy is
// open on every port, to everybody.
func keyOf(r *verdicts.Result) causeKey {
	k := causeKey{class: classOf(r), suite: r.Suite}
	switch k.class {
	case classInconclusive, classSkipped:
		k.reason = pattern(r)
	case classExcepted:
		k.suite, k.reason = "", acceptedBy(r)
	case classLeak, classNoted:
		k.place, k.reason = hole(r)
	case classBroken:
		k.place, k.reason = hole(r)
		k.source = r.From.Who()
	}
	return k
}

// acceptedBy tells exceptions apart.
func acceptedBy(r *verdicts.Result) string {
	if r.Exception == nil {
		return ""
	}
	return strings.Join([]string{r.Exception.Expires, r.Exception.Owner, r.Exception.Reason}, "\x00")
}

// hole is where a leak's is, and what else tells it from others there.
func hole(r *verdicts.Result) (place, how string) {
	switch {
	case r.Address == suites.DryRun:
		return inNamespace(r.From), r.Check
	case r.Address == suites.ProxyView: // which is told too much, whoever it is told of
		return inNamespace(r.From), r.Check
	case r.Out:
		return r.To.Tenant, ""
	case r.Address == suites.Resolver:
		return "", r.Remedy
	case r.Cause != "": // two policies of a namespace may each open it
		return inNamespace(r.To), r.Cause
	case r.Service != "" && r.Address.ByNode():
		return r.Service + ", " + inNamespace(r.To), "by a port of a node"
	case r.Service != "":
		return r.Service + ", " + inNamespace(r.To), r.Outside
	case r.Address.ByNode():
		return inNamespace(r.To), "by a port of a node"
	default:
		return inNamespace(r.To), ""
	}
}

func inNamespace(s verdicts.Side) string {
	return s.Who() + " namespace " + s.Namespace
}

// pattern is why a result is what it is, without what is the attempt's alone:
// who tried whom, which round, how long it took.
func pattern(r *verdicts.Result) string {
	var names []string
	for _, s := range []verdicts.Side{r.From, r.To} {
		for _, name := range []string{s.Pod, s.Who(), s.Node, s.Namespace, s.Tenant} {
			if name != "" {
				names = append(names, name, "…")
			}
		}
	}
	why := strings.NewReplacer(names...).Replace(bounded(r.Why, maxLine))
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return '#'
		}
		return c
	}, why)
}

// causes are those of a record, as they come.
type causes struct {
	list []*cause
	of   map[causeKey]*cause
}

func (c *causes) add(r *verdicts.Result, at [2]int) {
	k := keyOf(r)
	if c.of[k] == nil && len(c.list) >= mostCauses {
		k = causeKey{class: k.class, suite: k.suite}
	}
	known := c.of[k]
	if known == nil {
		known = &cause{key: k, first: withoutEvidence(r), severity: r.Severity, pairs: map[[2]int]bool{}, sources: map[string]bool{}, checks: map[string]int{}}
		c.of[k], c.list = known, append(c.list, known)
	}
	known.add(r, at)
	known.told.add(r, at, fairRoom(len(c.list)))
}

// withoutEvidence is what is kept of a result to speak of its cause.
func withoutEvidence(r *verdicts.Result) *verdicts.Result {
	kept := *r
	kept.Evidence = verdicts.Evidence{}
	return &kept
}

func (c *cause) add(r *verdicts.Result, at [2]int) {
	c.count++
	if severityRank(r.Severity) < severityRank(c.severity) {
		c.severity, c.first = r.Severity, withoutEvidence(r)
	}
	if c.good() {
		return
	}
	c.pairs[at] = true
	c.sources[r.From.Tenant] = true
	c.checks[r.Check]++
	c.whys.add(line(r.Why), mostWhys)
	c.behind.add(line(r.Cause), mostWhys)
	c.remedies.add(line(r.Remedy), mostRemedies)
}

// good says that nothing is to be mended, accepted or known.
func (c *cause) good() bool { return good(c.key.class) }

func good(k class) bool { return k == classIsolated || k == classUnreached || k == classAllowed }

// sort puts the worst first, and of the same kind what shows most. The worst
// are told as far as there is room.
func (c *causes) sort() {
	slices.SortStableFunc(c.list, func(a, b *cause) int {
		return cmp.Or(cmp.Compare(a.key.class, b.key.class),
			cmp.Compare(severityRank(a.severity), severityRank(b.severity)), cmp.Compare(b.count, a.count))
	})
	left, leftGood := mostTold, mostGoodTold
	for i, known := range c.list {
		known.number = i
		room := &left
		if known.good() {
			room = &leftGood
		}
		*room -= known.told.cut(min(*room, fairRoom(len(c.list))))
	}
}

// checkWords are the checks that show it, by name.
func (c *cause) checkWords() string {
	return strings.Join(slices.Sorted(maps.Keys(c.checks)), ", ")
}
