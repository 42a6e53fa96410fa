package reports

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// How many findings are told in full, how many reasons of one, and how many
// sentences about the run.
const (
	mostFindings  = 20
	mostReasons   = 3
	mostSentences = 20
)

// finding is what one check says of one pair, or, where it fails nothing, of
// all the pairs of which it says so.
type finding struct {
	class    class
	pairs    map[[2]string]bool
	first    *verdicts.Result // of the worst severity
	severity string
	reasons  []string // distinct, in the order in which they come
	count    int
}

// findings groups what needs attention, the worst first.
func findings(rec *verdicts.Record) []*finding {
	type key struct {
		class                    class
		from, to, service, check string
	}
	var list []*finding
	seen := map[key]*finding{}
	for r := range rec.Results.All() {
		c := classOf(r)
		if !c.attention() {
			continue
		}
		k := key{c, r.From.Who(), r.To.Who(), r.Service, r.Suite + "/" + r.Check}
		if c == classNoted {
			k.from, k.to = "", "" // what fails nothing is told once
		}
		f := seen[k]
		if f == nil {
			f = &finding{class: c, first: r, severity: r.Severity, pairs: map[[2]string]bool{}}
			seen[k] = f
			list = append(list, f)
		}
		f.add(r)
	}
	slices.SortStableFunc(list, func(a, b *finding) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(severityRank(a.severity), severityRank(b.severity)))
	})
	return list
}

func (f *finding) add(r *verdicts.Result) {
	f.count++
	f.pairs[[2]string{r.From.Who(), r.To.Who()}] = true
	if severityRank(r.Severity) < severityRank(f.severity) {
		f.severity, f.first = r.Severity, r
	}
	why := r.Why
	if f.class == classExcepted {
		why = acceptance(r)
	}
	if !slices.Contains(f.reasons, why) {
		f.reasons = append(f.reasons, why)
	}
}

// Findings writes what needs attention, a sentence each with how to see it
// again, then what holds and why, and then what the run says of itself.
func Findings(w io.Writer, rec *verdicts.Record, opt Options) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out)
	list := findings(rec)
	for _, f := range list[:min(len(list), mostFindings)] {
		f.write(out, opt)
	}
	if more := len(list) - mostFindings; more > 0 {
		fmt.Fprintf(out, "And %s; results.json has them all.\n\n", plural(more, "more finding"))
	}
	writeHolds(out, rec, opt)
	writeSentences(out, opt, "Not run: ", rec.Summary.NotRun)
	writeSentences(out, opt, "Note: ", rec.Summary.Notes)
	writeWrapped(out, opt, "", controlsLine(rec.Summary.Sensitivity)+".")
	return out.Flush()
}

func (f *finding) write(w io.Writer, opt Options) {
	r := f.first
	pair := line(r.From.Who()) + " -> " + line(r.To.Who())
	if more := len(f.pairs) - 1; more > 0 {
		pair += " and " + plural(more, "more pair")
	}
	fmt.Fprintf(w, "%s: %s, %s, %s\n", opt.paint(f.class, f.label()), pair, line(r.Suite+"/"+r.Check), plural(f.count, "attempt"))
	for _, why := range f.reasons[:min(len(f.reasons), mostReasons)] {
		writeWrapped(w, opt, "    ", line(why))
	}
	if more := len(f.reasons) - mostReasons; more > 0 {
		fmt.Fprintf(w, "    and for %s\n", plural(more, "more reason"))
	}
	if r.Cause != "" {
		writeWrapped(w, opt, "    ", "Likely cause: "+line(r.Cause))
	}
	if r.Remedy != "" && f.class != classExcepted {
		writeWrapped(w, opt, "    ", "Remedy: "+line(r.Remedy))
	}
	fmt.Fprintln(w, again(r))
	fmt.Fprintln(w)
}

// label is the finding's class and, where it has one, its severity.
func (f *finding) label() string {
	c := classes[f.class]
	label := c.symbol + " " + c.word
	if f.class == classNoted {
		label = c.symbol + " " + c.meaning
	}
	if f.class != classBroken && f.class != classInconclusive && f.severity != "" {
		label += ", " + word(f.severity)
	}
	return label
}

// again is one line, however long, so that it can be copied.
func again(r *verdicts.Result) string {
	if r.Rerun == "" {
		return "    Attempt: " + line(r.ID)
	}
	if !strings.Contains(r.Rerun, r.ID) {
		return "    Attempt: " + line(r.ID) + "\n    Again: " + line(r.Rerun)
	}
	return "    Again: " + line(r.Rerun)
}

func writeSentences(w io.Writer, opt Options, label string, sentences []string) {
	for _, s := range sentences[:min(len(sentences), mostSentences)] {
		writeWrapped(w, opt, "", label+line(s))
	}
	if more := len(sentences) - mostSentences; more > 0 {
		fmt.Fprintf(w, "%sand %d more; results.json has them all\n", label, more)
	}
}

// controlsLine is the run's proof that it would have seen a leak.
func controlsLine(s verdicts.Sensitivity) string {
	reached := fmt.Sprintf("Controls: %d of %d reached", s.Reached, s.Controls)
	switch {
	case s.Controls == 0:
		return "Controls: none were judged, so nothing shows that this run would have seen a leak between probes"
	case s.Reached < s.Controls:
		return reached + "; what rests on the others is no evidence"
	default:
		return reached + ", as they must"
	}
}
