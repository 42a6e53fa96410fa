package reports

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// Prometheus is the run as metrics, for the textfile collector of the
// node_exporter. Their number grows with the suites and, of what leaks, with
// the pairs, up to a bound.
type Prometheus struct{}

// mostLeakingPairs is how many pairs have a metric of their own.
const mostLeakingPairs = 200

// prometheusBegins is how a file of ours begins.
const prometheusBegins = "# HELP partywall_"

// Name is "prometheus".
func (Prometheus) Name() string { return "prometheus" }

// Wrote looks for the first of our metrics.
func (Prometheus) Wrote(r io.Reader) bool {
	got := make([]byte, len(prometheusBegins))
	_, err := io.ReadFull(r, got)
	return err == nil && string(got) == prometheusBegins
}

// Write writes the record.
func (Prometheus) Write(w io.Writer, rec *verdicts.Record) error {
	m := metrics{base: []label{named("context", rec.Header.Context), named("tenancy", rec.Header.Tenancy)}}
	c := countMetrics(rec)
	if err := rec.Results.Err(); err != nil {
		return err
	}
	m.run(rec)
	m.results(c)
	m.leaks(c)
	_, err := w.Write(m.out.Bytes())
	return err
}

// metricCounts are what the metrics have to count, by words that are harmless
// already: two that look the same must not become two samples of one name.
type metricCounts struct {
	suites map[string]map[string]int // by verdict
	leaks  map[leakingPair]int
}

// leakingPair is what leaks of one pair have in common.
type leakingPair struct {
	from, to, severity string
	fails              bool
}

func countMetrics(rec *verdicts.Record) metricCounts {
	c := metricCounts{suites: map[string]map[string]int{}, leaks: map[leakingPair]int{}}
	for r := range rec.Results.All() {
		suite := word(r.Suite)
		if c.suites[suite] == nil {
			c.suites[suite] = map[string]int{}
		}
		c.suites[suite][word(string(r.Verdict))]++
		if r.Verdict == verdicts.Leak {
			c.leaks[leakingPair{word(r.From.Tenant), word(r.To.Tenant), word(r.Severity), r.Fails}]++
		}
	}
	return c
}

// metrics are the file as it grows.
type metrics struct {
	out  bytes.Buffer
	base []label // of every metric, so that the files of several clusters can stand beside each other
}

// label is one of a sample's.
type label struct{ name, value string }

// named makes a label of a string that somebody else chose.
func named(name, value string) label { return label{name, word(value)} }

// gauge begins a metric. All are gauges: each file is of one run.
func (m *metrics) gauge(name, help string) {
	fmt.Fprintf(&m.out, "# HELP partywall_%s %s\n# TYPE partywall_%s gauge\n", name, help, name)
}

func (m *metrics) sample(name string, value float64, more ...label) {
	m.out.WriteString("partywall_" + name + "{")
	for i, l := range slices.Concat(m.base, more) {
		if i > 0 {
			m.out.WriteByte(',')
		}
		m.out.WriteString(l.name + `="` + escapedLabel.Replace(l.value) + `"`)
	}
	m.out.WriteString("} " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
}

// escapedLabel writes a value as the format has it. It has no line ends: those
// are visible escapes by then, whose backslashes are doubled.
var escapedLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// one is a metric of a single sample.
func (m *metrics) one(name, help string, value float64) {
	m.gauge(name, help)
	m.sample(name, value)
}

func (m *metrics) run(rec *verdicts.Record) {
	h, s := rec.Header, rec.Summary
	m.one("run_exit_code", "Exit code of the run: 0 passed, 1 failed, 3 no proof.", float64(s.Exit))
	m.one("run_finished", "1 where the run came to its end, 0 where it is under way or was killed.", truth(!s.Finished.IsZero()))
	m.one("run_partial", "1 where something was left out or not run.", truth(s.Partial))
	m.one("run_incomplete", "1 where something was not run, and not because somebody asked for less.", truth(s.Incomplete))
	m.one("run_failures", "Results that fail the run.", float64(s.Failures))
	m.one("run_planned", "Attempts that were planned.", float64(h.Planned))
	m.one("run_judged", "Attempts that have a result.", float64(rec.Results.Len()))
	m.one("run_controls", "Controls that were judged as if they were attempts.", float64(s.Sensitivity.Controls))
	m.one("run_controls_reached", "Controls that came out as reached, as all must.", float64(s.Sensitivity.Reached))
	m.one("run_tenants", "Tenants that were found.", float64(len(h.Tenants)))
	for _, at := range []struct {
		name, help string
		time       time.Time
	}{
		{"run_started_timestamp_seconds", "When the run began.", h.Started},
		{"run_finished_timestamp_seconds", "When the run ended.", s.Finished},
	} {
		if !at.time.IsZero() {
			m.one(at.name, at.help, float64(at.time.UnixMilli())/1000)
		}
	}
	m.gauge("run_info", "Of what the run was made.")
	m.sample("run_info", 1, named("version", h.Version), named("server", h.Server), named("fail_on", h.FailOn))
}

// results counts by suite and verdict, also what there is none of, so that a
// query finds a number before the first leak.
func (m *metrics) results(c metricCounts) {
	m.gauge("results", "Results, by suite and verdict.")
	for _, suite := range slices.Sorted(maps.Keys(c.suites)) {
		counts := c.suites[suite]
		for _, v := range allVerdicts {
			counts[string(v)] += 0
		}
		for _, v := range slices.Sorted(maps.Keys(counts)) {
			m.sample("results", float64(counts[v]), label{"suite", suite}, label{"verdict", v})
		}
	}
}

// leaks has the worst of the pairs that leak, and how many there are.
func (m *metrics) leaks(c metricCounts) {
	pairs := slices.SortedFunc(maps.Keys(c.leaks), func(a, b leakingPair) int {
		return cmp.Or(cmp.Compare(truth(b.fails), truth(a.fails)), cmp.Compare(severityRank(a.severity), severityRank(b.severity)),
			cmp.Compare(c.leaks[b], c.leaks[a]), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	told := pairs[:min(len(pairs), mostLeakingPairs)]
	m.gauge("leaks", "Leaks of a pair, by severity; fails says whether they are at or above the threshold.")
	for _, p := range told {
		m.sample("leaks", float64(c.leaks[p]), label{"from", p.from}, label{"to", p.to},
			label{"severity", p.severity}, label{"fails", strconv.FormatBool(p.fails)})
	}
	m.one("leaks_left_out", "Samples of partywall_leaks that were left out to keep their number small.", float64(len(pairs)-len(told)))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
