package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
)

// print shows the figures and, beside a baseline, how much faster they are.
func (m *measuring) print(out io.Writer) {
	t := tablewriter.NewWriter(out)
	t.Header("case", "attempts", "attempts phase", "a second", "whole round", "baseline", "ratio", "first attempt", "slowest pod", "from its job", "from the start",
		"API calls", "execs", "runner MB", "probe MB", "CPU s", "outcome")
	for _, r := range m.rows {
		if r.Kind == kindBaseline && r.NotBefore == "" {
			continue
		}
		if r.NotBefore != "" {
			_ = t.Append([]string{r.name(), r.NotBefore}) // kept in memory
			continue
		}
		base, ratio := m.beside(r)
		_ = t.Append([]string{
			r.name(), fmt.Sprint(r.Attempts), seconds(r.Probing), fmt.Sprintf("%.0f", float64(r.Attempts)/r.Probing), seconds(r.Round),
			base, ratio, seconds(r.First), seconds(r.Slowest.Pod), seconds(r.Slowest.Job), seconds(r.Slowest.Run), fmt.Sprint(r.calls()), fmt.Sprint(r.Execs),
			fmt.Sprintf("%.0f", r.PeakMB), probeMB(r), fmt.Sprintf("%.1f", r.CPU), tally(r.Verdicts),
		}) // kept in memory
	}
	if err := t.Render(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	fmt.Fprintln(out, "~ reckoned from a sample of the attempts. API calls are without execs.")
	for _, r := range m.rows {
		if r.Kind == kindBaseline && r.NotBefore == "" {
			fmt.Fprintf(out, "baseline of %s: %d of %d attempts made in %s with %d workers: %s\n",
				r.name(), r.Sampled, r.Attempts, seconds(r.Probing), workers, tally(r.Outcomes))
			continue
		}
		var parts []string
		for _, p := range r.Phases {
			parts = append(parts, fmt.Sprintf("%s %s", p.Name, seconds(p.Seconds)))
		}
		fmt.Fprintf(out, "%s: %s\n", r.name(), strings.Join(parts, "; "))
	}
}

func seconds(s float64) string { return fmt.Sprintf("%.2f s", s) }

func probeMB(r row) string {
	if r.ProbeMB == 0 {
		return "not seen"
	}
	return fmt.Sprintf("%.1f", r.ProbeMB)
}

func tally(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(parts, ", ")
}

// beside finds what a baseline takes for the same attempts.
func (m *measuring) beside(r row) (took, ratio string) {
	x := m.ratio(r)
	if x == 0 {
		return "", ""
	}
	for _, b := range m.rows {
		if b.Kind == kindBaseline && sameWork(b, r) {
			mark := ""
			if b.Sampled < b.Attempts {
				mark = "~"
			}
			took = mark + seconds(b.Reckoned)
		}
	}
	return took, fmt.Sprintf("%.0fx", x)
}

// ratio is how many times longer the baseline takes; 0 where there is none.
func (m *measuring) ratio(r row) float64 {
	for _, b := range m.rows {
		if b.Kind == kindBaseline && b.NotBefore == "" && r.Kind == kindLab && sameWork(b, r) && r.Probing > 0 {
			return b.Reckoned / r.Probing
		}
	}
	return 0
}

func sameWork(a, b row) bool {
	return a.Work == b.Work && len(a.Tenants) == len(b.Tenants) && a.Wall == b.Wall
}

// tolerated is how much of a recorded ratio a shared machine may take away.
const tolerated = 0.5

// compare holds the ratios against those on record. A regression is reported
// and fails nothing: figures of a shared machine are noisy.
func (m *measuring) compare(out io.Writer) error {
	now := map[string]float64{}
	for _, r := range m.rows {
		if x := m.ratio(r); x > 0 {
			now[r.name()] = float64(int(x*10)) / 10
		}
	}
	if m.record {
		text, err := json.MarshalIndent(now, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(m.recorded, append(text, '\n'), 0o644)
	}
	text, err := os.ReadFile(m.recorded)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(out, "no ratios are on record; -record writes them")
		return nil
	}
	if err != nil {
		return err
	}
	var before map[string]float64
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("reading %s: %w", m.recorded, err)
	}
	for _, line := range regressions(before, now) {
		fmt.Fprintln(out, line)
	}
	return nil
}

// regressions names the ratios that fell far below what is on record.
func regressions(before, now map[string]float64) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		was, ok := before[name]
		switch {
		case !ok:
			lines = append(lines, fmt.Sprintf("%s: %.1f times faster than the baseline; nothing is on record", name, now[name]))
		case now[name] < was*tolerated:
			lines = append(lines, fmt.Sprintf("REGRESSION %s: %.1f times faster than the baseline, and %.1f on record", name, now[name], was))
		default:
			lines = append(lines, fmt.Sprintf("%s: %.1f times faster than the baseline, %.1f on record", name, now[name], was))
		}
	}
	return lines
}
