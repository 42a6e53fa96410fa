package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	gojunit "github.com/joshdk/go-junit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

func junitOf(t *testing.T, rec *verdicts.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, JUnit{}.Write(&b, rec))
	return b.Bytes()
}

// validate holds a file against the schema by a validator that is not ours.
func validate(t *testing.T, file []byte) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	require.NoError(t, err, "xmllint validates the JUnit files; it is in libxml2-utils (Debian), libxml2 (Fedora, brew)")
	cmd := exec.Command(xmllint, "--noout", "--nonet", "--schema", "testdata/junit-10.xsd", "-")
	cmd.Stdin = bytes.NewReader(file)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// parse reads a file by a parser that is not ours, and returns its testcases
// by name.
func parse(t *testing.T, file []byte) ([]gojunit.Suite, map[string]gojunit.Test) {
	t.Helper()
	list, err := gojunit.Ingest(file)
	require.NoError(t, err)
	tests := map[string]gojunit.Test{}
	for _, s := range list {
		assert.Empty(t, s.Suites, "one level of suites")
		for _, c := range s.Tests {
			assert.NotContains(t, tests, c.Name, "names are unique")
			tests[c.Name] = c
		}
	}
	return list, tests
}

func TestJUnitIsValidAndCountsRight(t *testing.T) {
	for name, rec := range map[string]*verdicts.Record{
		"three tenants":  fakeRun(3),
		"twelve tenants": fakeRun(12),
		"no results":     {Header: fakeRun(1).Header, Results: verdicts.List{}},
		"nothing at all": {Results: verdicts.List{}},
		"partial":        {Results: verdicts.List{}, Summary: verdicts.Summary{Partial: true, NotRun: []string{"globex has no room for a pod"}}},
	} {
		t.Run(name, func(t *testing.T) {
			file := junitOf(t, rec)
			validate(t, file)
			list, _ := parse(t, file)
			assertAttributesAgree(t, file, list)
			assert.Equal(t, expectedTotals(rec), totals(list))
		})
	}
}

func totals(list []gojunit.Suite) gojunit.Totals {
	var sum gojunit.Totals
	for _, s := range list {
		sum.Tests += s.Totals.Tests
		sum.Passed += s.Totals.Passed
		sum.Failed += s.Totals.Failed
		sum.Error += s.Totals.Error
		sum.Skipped += s.Totals.Skipped
	}
	return sum
}

// expectedTotals is the design's table, written once more.
func expectedTotals(rec *verdicts.Record) gojunit.Totals {
	want := gojunit.Totals{Tests: len(list(rec))}
	for _, r := range list(rec) {
		switch {
		case r.Verdict == verdicts.Leak && r.Fails, r.Verdict == verdicts.Broken:
			want.Failed++
		case r.Verdict == verdicts.Inconclusive:
			want.Error++
		case r.Verdict == verdicts.Excepted, r.Verdict == verdicts.Skipped:
			want.Skipped++
		default:
			want.Passed++
		}
	}
	if rec.Summary.Partial {
		want.Tests++
		want.Error++
	}
	return want
}

// assertAttributesAgree holds the counts that stand in the tags against those
// that the parser made itself from the testcases.
func assertAttributesAgree(t *testing.T, file []byte, list []gojunit.Suite) {
	t.Helper()
	type counts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`
	}
	var doc struct {
		counts
		Suites []struct {
			counts
			Cases []counts `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(file, &doc))
	require.Len(t, doc.Suites, len(list))
	sum := totals(list)
	assert.Equal(t, []int{sum.Tests, sum.Failed, sum.Error}, []int{doc.Tests, doc.Failures, doc.Errors})
	whole := 0
	for i, s := range doc.Suites {
		of := list[i].Totals
		assert.Equal(t, []int{of.Tests, of.Failed, of.Error, of.Skipped}, []int{s.Tests, s.Failures, s.Errors, s.Skipped})
		cases := 0
		for _, c := range s.Cases {
			cases += millis(t, c.Time)
		}
		assert.Equal(t, cases, millis(t, s.Time), "a suite's time is the sum of its testcases'")
		whole += cases
	}
	assert.Equal(t, whole, millis(t, doc.Time))
}

var threeDecimals = regexp.MustCompile(`^[0-9]+\.[0-9]{3}$`)

func millis(t *testing.T, seconds string) int {
	t.Helper()
	require.Regexp(t, threeDecimals, seconds)
	ms, err := strconv.Atoi(strings.Replace(seconds, ".", "", 1))
	require.NoError(t, err)
	return ms
}

func TestJUnitTable(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*verdicts.Result)
		status  gojunit.Status
		message string
		kind    string
		stdout  string
	}{
		"isolated":  {change: func(*verdicts.Result) {}, status: gojunit.StatusPassed},
		"unreached": {change: func(r *verdicts.Result) { r.Verdict = verdicts.Unreached }, status: gojunit.StatusPassed},
		"allowed":   {change: func(r *verdicts.Result) { r.Verdict = verdicts.Allowed }, status: gojunit.StatusPassed},
		"leak": {change: leaks, status: gojunit.StatusFailed, kind: "leak",
			message: "acme reached globex over TCP: the genuine target answered"},
		"leak below the threshold": {change: func(r *verdicts.Result) { leaks(r); r.Fails, r.Severity = false, "low" },
			status: gojunit.StatusPassed, stdout: "leak of severity low, below the threshold of this run: acme reached globex"},
		"broken": {change: func(r *verdicts.Result) { r.Verdict, r.Fails, r.Why = verdicts.Broken, true, "nothing answered" },
			status: gojunit.StatusFailed, kind: "broken", message: "nothing answered"},
		"excepted": {change: func(r *verdicts.Result) {
			r.Verdict, r.Why = verdicts.Excepted, "it answered"
			r.Exception = &verdicts.Exception{Owner: "network-team", Reason: "Q2", Expires: "2027-03-31"}
		}, status: gojunit.StatusSkipped, message: "accepted by network-team until 2027-03-31: Q2 (it answered)"},
		"inconclusive": {change: func(r *verdicts.Result) { r.Verdict, r.Why = verdicts.Inconclusive, "no control" },
			status: gojunit.StatusError, kind: "inconclusive", message: "no control"},
		"skipped": {change: func(r *verdicts.Result) { r.Verdict, r.Why = verdicts.Skipped, "one node only" },
			status: gojunit.StatusSkipped, message: "one node only"},
		"a verdict of the future": {change: func(r *verdicts.Result) { r.Verdict, r.Why = "sideways", "" },
			status: gojunit.StatusError, kind: "inconclusive", message: "no reason was given"},
	} {
		t.Run(name, func(t *testing.T) {
			r := fakeResult("acme", "globex", "tcp", 0)
			c.change(&r)
			file := junitOf(t, &verdicts.Record{Results: verdicts.List{r}})
			validate(t, file)
			list, _ := parse(t, file)
			require.Len(t, list, 1)
			got := list[0].Tests[0]
			assert.Equal(t, c.status, got.Status)
			assert.Equal(t, c.message, got.Message)
			assert.Contains(t, got.SystemOut, c.stdout)
			if c.kind == "" {
				assert.NoError(t, got.Error)
				return
			}
			var problem gojunit.Error
			require.True(t, errors.As(got.Error, &problem))
			assert.Equal(t, c.kind, problem.Type)
			for _, part := range []string{r.Why, "Round 1: 03:00:01.000Z", "target has 0 receipts", "See it again: partywall run"} {
				assert.Contains(t, problem.Body, part)
			}
		})
	}
}

func TestJUnitNames(t *testing.T) {
	rec := fakeRun(3)
	list, _ := parse(t, junitOf(t, rec))
	assert.Equal(t, "network: from acme", list[0].Name)
	assert.Equal(t, map[string]string{
		"partywall.version": "0.1.0", "partywall.run": "7c1f9a", "context": "kind-staging", "server": "v1.37.2", "components": "Cilium v1.20.2, Istio",
		"identity": "ci", "tenancy": "staging", "image": "ghcr.io/partywall/probe:0.1.0",
	}, list[0].Properties)
	for name, c := range map[string]struct {
		change func(*verdicts.Result)
		want   string
	}{
		"by service name": {func(*verdicts.Result) {}, "acme -> globex: http by service name, port 9007, cross node [ID]"},
		"by pod IP":       {func(r *verdicts.Result) { r.Address = suites.PodIP }, "acme -> globex: http by pod IP, port 9007, cross node [ID]"},
		"shared": {func(r *verdicts.Result) { r.To.Tenant, r.Service, r.Placement = "audit", "audit-svc", suites.AnyNode },
			"acme -> audit service audit-svc: http by service name, port 9007, any node [ID]"},
		"bare": {func(r *verdicts.Result) { r.Address, r.Port, r.Placement = "", 0, "" }, "acme -> globex: http [ID]"},
	} {
		t.Run(name, func(t *testing.T) {
			r := fakeResult("acme", "globex", "http", 0)
			r.ID = "ID"
			c.change(&r)
			assert.Equal(t, c.want, caseName(&r))
		})
	}
}

func TestJUnitSuiteAttributes(t *testing.T) {
	file := string(junitOf(t, fakeRun(3)))
	assert.Contains(t, file, `timestamp="2026-11-24T03:00:01" hostname="kind-staging"`)
}

func TestJUnitTellsWhatWasNotRun(t *testing.T) {
	rec := fakeRun(3)
	rec.Summary.Partial = true
	rec.Summary.NotRun = []string{"hooli: no quota left", "12 attempts had no answer"}
	rec.Summary.Sensitivity.Reached = 0
	file := junitOf(t, rec)
	validate(t, file)
	_, tests := parse(t, file)
	got := tests["coverage"]
	assert.Equal(t, "partywall.run", got.Classname)
	assert.Equal(t, gojunit.StatusError, got.Status)
	assert.Equal(t, "hooli: no quota left; 12 attempts had no answer", got.Message)
	assert.EqualError(t, got.Error, "hooli: no quota left\n12 attempts had no answer")
	assert.Equal(t, gojunit.StatusError, tests["sensitivity"].Status, "controls that were not reached are no evidence")
}

func TestJUnitTimes(t *testing.T) {
	for name, c := range map[string]struct {
		ms   []float64
		want string
	}{
		"none":     {nil, "0.000"},
		"a sum":    {[]float64{3500.4, 3500.4}, "7.001"},
		"not one":  {[]float64{math.NaN()}, "0.000"},
		"negative": {[]float64{-5}, "0.000"},
		"endless":  {[]float64{math.Inf(1)}, "1000000000.000"},
	} {
		t.Run(name, func(t *testing.T) {
			var r verdicts.Result
			for _, ms := range c.ms {
				r.Evidence.Rounds = append(r.Evidence.Rounds, verdicts.Round{MS: ms})
			}
			assert.Equal(t, c.want, seconds(milliseconds(&r)))
			validate(t, junitOf(t, &verdicts.Record{Results: verdicts.List{r}}))
		})
	}
}

func TestJUnitWithHostileStrings(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			file := junitOf(t, hostileRecord(s))
			validate(t, file)
			assertClean(t, file)
			list, _ := parse(t, file)
			assert.Equal(t, len(everyVerdict)+1, totals(list).Tests)
		})
	}
}

func TestJUnitBoundsWhatItTakes(t *testing.T) {
	file := junitOf(t, hostileRecord(strings.Repeat("\x1b<", 5<<20)))
	validate(t, file)
	assert.Less(t, len(file), 4<<20)
}

func FuzzJUnit(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { assertClean(t, junitOf(t, hostileRecord(s))) })
}

var everyVerdict = []verdicts.Verdict{verdicts.Isolated, verdicts.Unreached, verdicts.Allowed, verdicts.Leak,
	verdicts.Broken, verdicts.Excepted, verdicts.Inconclusive, verdicts.Skipped}

// hostileRecord has s in each string of a record.
func hostileRecord(s string) *verdicts.Record {
	rec := &verdicts.Record{Results: verdicts.List{},
		Header: verdicts.Header{Run: s, Version: s, Tenancy: s, Context: s, Server: s, Components: []string{s, s}, Identity: s, Image: s,
			Tenants: []verdicts.TenantRow{{Name: s}}, Shared: []string{s}},
		Summary: verdicts.Summary{Partial: true, NotRun: []string{s}, Notes: []string{s}},
	}
	for i, v := range everyVerdict {
		side := verdicts.Side{Tenant: s, Namespace: s, Pod: s, Node: s}
		rec.Results = append(list(rec), verdicts.Result{
			ID: fmt.Sprint(i) + s, Suite: s, Check: s, From: side, To: side, Service: s, Verdict: v, Fails: v == verdicts.Leak,
			Severity: s, Why: s, Remedy: s, Rerun: s,
			Exception: &verdicts.Exception{Owner: s, Reason: s, Expires: s},
			Evidence:  verdicts.Evidence{Rounds: []verdicts.Round{{Error: s}}},
		})
	}
	counted := summarise(rec)
	rec.Summary.Counts, rec.Summary.Failures = counted.Counts, counted.Failures
	return rec
}

// assertClean reads the whole file and looks at every string in it.
func assertClean(t *testing.T, file []byte) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(file))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		switch v := token.(type) {
		case xml.CharData:
			assert.Equal(t, harmlessText(string(v)), string(v))
		case xml.StartElement:
			for _, a := range v.Attr {
				assert.Equal(t, Harmless(a.Value), a.Value)
			}
		}
	}
}
