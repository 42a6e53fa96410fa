package reports

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// CSV is a table as RFC 4180 has it, one row a result, for spreadsheets and
// scripts. Each row names its run, so that the tables of many can be joined.
type CSV struct{}

// csvColumns are the table's, in the order that readers may rely on. New ones
// go to the end.
var csvColumns = []struct {
	name string
	of   func(*verdicts.Record, *verdicts.Result) string
}{
	{"run", func(rec *verdicts.Record, _ *verdicts.Result) string { return rec.Header.Run }},
	{"started", func(rec *verdicts.Record, _ *verdicts.Result) string { return stamp(rec.Header.Started) }},
	{"context", func(rec *verdicts.Record, _ *verdicts.Result) string { return rec.Header.Context }},
	{"tenancy", func(rec *verdicts.Record, _ *verdicts.Result) string { return rec.Header.Tenancy }},
	{"partial", func(rec *verdicts.Record, _ *verdicts.Result) string { return strconv.FormatBool(rec.Summary.Partial) }},
	{"id", func(_ *verdicts.Record, r *verdicts.Result) string { return r.ID }},
	{"suite", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Suite }},
	{"check", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Check }},
	{"from_tenant", func(_ *verdicts.Record, r *verdicts.Result) string { return r.From.Tenant }},
	{"from_namespace", func(_ *verdicts.Record, r *verdicts.Result) string { return r.From.Namespace }},
	{"from_workload", func(_ *verdicts.Record, r *verdicts.Result) string { return r.From.Workload }},
	{"from_node", func(_ *verdicts.Record, r *verdicts.Result) string { return r.From.Node }},
	{"to_tenant", func(_ *verdicts.Record, r *verdicts.Result) string { return r.To.Tenant }},
	{"to_namespace", func(_ *verdicts.Record, r *verdicts.Result) string { return r.To.Namespace }},
	{"to_workload", func(_ *verdicts.Record, r *verdicts.Result) string { return r.To.Workload }},
	{"to_node", func(_ *verdicts.Record, r *verdicts.Result) string { return r.To.Node }},
	{"service", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Service }},
	{"outside", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Outside }},
	{"address", func(_ *verdicts.Record, r *verdicts.Result) string { return string(r.Address) }},
	{"protocol", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Protocol }},
	{"port", func(_ *verdicts.Record, r *verdicts.Result) string { return strconv.Itoa(r.Port) }},
	{"placement", func(_ *verdicts.Record, r *verdicts.Result) string { return string(r.Placement) }},
	{"expect", func(_ *verdicts.Record, r *verdicts.Result) string { return string(r.Expect) }},
	{"verdict", func(_ *verdicts.Record, r *verdicts.Result) string { return string(r.Verdict) }},
	{"fails", func(_ *verdicts.Record, r *verdicts.Result) string { return strconv.FormatBool(r.Fails) }},
	{"severity", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Severity }},
	{"outcome", func(_ *verdicts.Record, r *verdicts.Result) string { return string(r.Outcome) }},
	{"grade", func(_ *verdicts.Record, r *verdicts.Result) string { return string(r.Grade) }},
	{"startup", func(_ *verdicts.Record, r *verdicts.Result) string { return strconv.FormatBool(r.Startup) }},
	{"rounds", func(_ *verdicts.Record, r *verdicts.Result) string { return strconv.Itoa(len(r.Evidence.Rounds)) }},
	{"first_at", func(_ *verdicts.Record, r *verdicts.Result) string { return stamp(firstRound(r).At) }},
	{"seconds", func(_ *verdicts.Record, r *verdicts.Result) string { return seconds(milliseconds(r)) }},
	{"receipts", func(_ *verdicts.Record, r *verdicts.Result) string { return strconv.Itoa(receipts(r)) }},
	{"control_rung", func(_ *verdicts.Record, r *verdicts.Result) string { return string(firstRound(r).Control.Rung) }},
	{"why", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Why }},
	{"cause", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Cause }},
	{"remedy", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Remedy }},
	{"rerun", func(_ *verdicts.Record, r *verdicts.Result) string { return r.Rerun }},
	{"exception_owner", func(_ *verdicts.Record, r *verdicts.Result) string { return accepted(r).Owner }},
	{"exception_reason", func(_ *verdicts.Record, r *verdicts.Result) string { return accepted(r).Reason }},
	{"exception_expires", func(_ *verdicts.Record, r *verdicts.Result) string { return accepted(r).Expires }},
}

// Name is "csv".
func (CSV) Name() string { return "csv" }

// Write writes the record row by row.
func (CSV) Write(w io.Writer, rec *verdicts.Record) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	row := make([]string, len(csvColumns))
	for i, c := range csvColumns {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for r := range rec.Results.All() {
		for i, c := range csvColumns {
			row[i] = noFormula(line(c.of(rec, r)))
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("result %s: %w", r.ID, err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	return rec.Results.Err()
}

// csvBegins is what the first line of a table of ours begins with. It is the
// part of the heading that no version may change.
const csvBegins = "run,started,context,tenancy,partial,id,suite,check,"

// Wrote looks for the heading.
func (CSV) Wrote(r io.Reader) bool {
	first, err := bufio.NewReader(r).ReadString('\n')
	return err == nil && strings.HasPrefix(first, csvBegins)
}

// formula is how a cell begins that a spreadsheet would work out, in any of
// the scripts whose signs it takes. A semicolon parts the cells where a comma
// is the decimal sign, so that one may begin within ours too.
var formula = regexp.MustCompile(`(^|[;,])([\s"]*)([=+\-@＝＋－＠])`)

// noFormula makes text of what would be a formula: what a tenant is called must
// not run on the machine of whoever opens the table.
func noFormula(s string) string { return formula.ReplaceAllString(s, "$1'$2$3") }

// stamp is a time as scripts read it; empty where there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func firstRound(r *verdicts.Result) verdicts.Round {
	if len(r.Evidence.Rounds) == 0 {
		return verdicts.Round{}
	}
	return r.Evidence.Rounds[0]
}

func receipts(r *verdicts.Result) int {
	sum := 0
	for _, round := range r.Evidence.Rounds {
		sum += round.Receipts
	}
	return sum
}

func accepted(r *verdicts.Result) verdicts.Exception {
	if r.Exception == nil {
		return verdicts.Exception{}
	}
	return *r.Exception
}
