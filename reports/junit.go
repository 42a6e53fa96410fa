package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// JUnit is JUnit XML as the Jenkins xUnit schema has it: one suite for each
// suite and tenant that tried, one testcase an attempt, or a pair where the
// record is very large, which the properties say then. A testcase's time is
// what its rounds took together, a suite's the sum of its testcases, and the
// whole file's the sum of its suites: since attempts run at the same time,
// that is more than the run took by the clock.
type JUnit struct{}

// The root element and its name attribute, by which a file of ours is known.
const (
	rootElement = "testsuites"
	rootName    = "partywall"
)

// Name is "junit".
func (JUnit) Name() string { return "junit" }

// Write writes the record, testcase by testcase.
func (JUnit) Write(w io.Writer, rec *verdicts.Record) error {
	suites, err := junitSuites(rec)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	var total tally
	for _, s := range suites {
		total.merge(s.tally)
	}
	root := element(rootElement, append([]xml.Attr{attr("name", rootName)}, total.attrs()...)...)
	if err := enc.EncodeToken(root); err != nil {
		return err
	}
	for _, s := range suites {
		if err := s.encode(enc, rec); err != nil {
			return fmt.Errorf("suite %s: %w", s.name, err)
		}
	}
	if err := enc.EncodeToken(root.End()); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// junitSuite is a suite before it is written: its counts have to stand in its
// first tag.
type junitSuite struct {
	name    string
	cases   []caseMaker
	started time.Time
	tally   tally
}

// caseMaker makes a testcase when it is time to write it.
type caseMaker interface{ testcase() *testcase }

type testcase struct {
	XMLName   xml.Name `xml:"testcase"`
	Classname string   `xml:"classname,attr"`
	Name      string   `xml:"name,attr"`
	Time      string   `xml:"time,attr"`
	Failure   *problem `xml:"failure"`
	Error     *problem `xml:"error"`
	Skipped   *problem `xml:"skipped"`
	SystemOut *body    `xml:"system-out"`
	ms        int64
}

// problem is why a testcase did not pass. Readers differ in which of message
// and body they show, so both are filled.
type problem struct {
	Type, Message string
	Body          body
}

// MarshalXML writes both attributes even where they are empty.
func (p *problem) MarshalXML(enc *xml.Encoder, start xml.StartElement) error {
	start.Attr = []xml.Attr{attr("type", p.Type), attr("message", p.Message)}
	return p.Body.MarshalXML(enc, start)
}

// body is text of several lines. As a plain string field its line ends would
// become character references, which people who open the file cannot read.
type body string

// MarshalXML writes the text as it is, escaped where XML asks for it.
func (b body) MarshalXML(enc *xml.Encoder, start xml.StartElement) error {
	if err := enc.EncodeToken(start); err != nil {
		return err
	}
	if err := enc.EncodeToken(xml.CharData(b)); err != nil {
		return err
	}
	return enc.EncodeToken(start.End())
}

// testcase is itself where it is about the run.
func (c *testcase) testcase() *testcase { return c }

// attemptCase is an attempt with a testcase of its own.
type attemptCase struct{ *verdicts.Result }

func (a attemptCase) testcase() *testcase { return junitCase(a.Result) }

// junitSuites groups the results in the order in which they first come.
func junitSuites(rec *verdicts.Record) ([]*junitSuite, error) {
	var suites []*junitSuite
	place := map[[2]string]*junitSuite{}
	pairs, room := map[pairKey]*pairCase{}, mostOfAll // where the record is condensed
	for r := range rec.Results.All() {
		key := [2]string{r.Suite, r.From.Tenant}
		s := place[key]
		if s == nil {
			s = &junitSuite{name: word(r.Suite) + ": from " + word(r.From.Tenant)}
			place[key], suites = s, append(suites, s)
		}
		s.begun(r)
		if !condensed(rec) {
			s.cases = append(s.cases, attemptCase{r})
			continue
		}
		pair := pairs[pairOf(r)]
		if pair == nil {
			pair = &pairCase{suite: word(r.Suite), pair: pairName(r)}
			pairs[pairOf(r)], s.cases = pair, append(s.cases, pair)
		}
		pair.add(r, &room)
	}
	if about := aboutRun(rec); len(about) > 0 {
		suites = append(suites, &junitSuite{name: "run", cases: about})
	}
	for _, s := range suites {
		for _, c := range s.cases {
			s.tally.count(c.testcase())
		}
	}
	return suites, rec.Results.Err()
}

// begun keeps when the first of the suite's attempts was made.
func (s *junitSuite) begun(r *verdicts.Result) {
	for _, round := range r.Evidence.Rounds {
		if s.started.IsZero() || round.At.Before(s.started) {
			s.started = round.At
		}
	}
}

func (s *junitSuite) encode(enc *xml.Encoder, rec *verdicts.Record) error {
	start := element("testsuite", s.attrs(rec.Header)...)
	if err := enc.EncodeToken(start); err != nil {
		return err
	}
	if err := enc.Encode(propertiesOf(rec)); err != nil {
		return err
	}
	for _, c := range s.cases {
		if err := enc.Encode(c.testcase()); err != nil {
			return err
		}
	}
	return enc.EncodeToken(start.End())
}

func (s *junitSuite) attrs(h verdicts.Header) []xml.Attr {
	attrs := append([]xml.Attr{attr("name", s.name)}, s.tally.attrs()...)
	attrs = append(attrs, attr("skipped", strconv.Itoa(s.tally.skipped)))
	started := s.started
	if started.IsZero() {
		started = h.Started
	}
	if !started.IsZero() {
		// Without a zone, as the schema of Ant has it; it is UTC.
		attrs = append(attrs, attr("timestamp", started.UTC().Format("2006-01-02T15:04:05")))
	}
	if h.Context != "" {
		attrs = append(attrs, attr("hostname", word(h.Context)))
	}
	return attrs
}

// tally counts testcases.
type tally struct {
	tests, failures, errors, skipped int
	ms                               int64
}

func (t *tally) count(c *testcase) {
	t.tests++
	t.ms += c.ms
	switch {
	case c.Failure != nil:
		t.failures++
	case c.Error != nil:
		t.errors++
	case c.Skipped != nil:
		t.skipped++
	}
}

func (t *tally) merge(o tally) {
	t.tests += o.tests
	t.failures += o.failures
	t.errors += o.errors
	t.skipped += o.skipped
	t.ms += o.ms
}

// attrs leaves skipped out: the root element has no such attribute.
func (t *tally) attrs() []xml.Attr {
	return []xml.Attr{
		attr("tests", strconv.Itoa(t.tests)),
		attr("failures", strconv.Itoa(t.failures)),
		attr("errors", strconv.Itoa(t.errors)),
		attr("time", seconds(t.ms)),
	}
}

// milliseconds is what the rounds of a result took together, in whole
// milliseconds, so that the sums in the file add up to the digit.
func milliseconds(r *verdicts.Result) int64 {
	var sum float64
	for _, round := range r.Evidence.Rounds {
		sum += round.MS
	}
	const most = 1e12 // beyond any run, and far from overflowing a sum
	if math.IsNaN(sum) || sum < 0 {
		return 0
	}
	return int64(math.Round(min(sum, most)))
}

// seconds writes three decimals: the schema allows no more.
func seconds(ms int64) string { return fmt.Sprintf("%d.%03d", ms/1000, ms%1000) }

type properties struct {
	XMLName xml.Name   `xml:"properties"`
	List    []property `xml:"property"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

func propertiesOf(rec *verdicts.Record) properties {
	h := rec.Header
	all := properties{List: []property{
		{"partywall.version", word(h.Version)},
		{"partywall.run", word(h.Run)},
		{"context", word(h.Context)},
		{"server", word(h.Server)},
		{"components", word(strings.Join(h.Components, ", "))},
		{"identity", word(h.Identity)},
		{"tenancy", word(h.Tenancy)},
		{"image", word(h.Image)},
	}}
	if condensed(rec) {
		all.List = append(all.List, property{"partywall.condensed",
			fmt.Sprintf("a testcase a pair, since %d attempts are more than %d; results.json has each", rec.Results.Len(), condenseAbove)})
	}
	return all
}

// aboutRun are the testcases on the run itself: what it did not do, and
// whether it would have seen a leak.
func aboutRun(rec *verdicts.Record) []caseMaker {
	var cases []caseMaker
	if s := rec.Summary; s.Partial {
		sentences := s.NotRun
		if len(sentences) == 0 {
			sentences = []string{"the run is partial, and does not say what is missing"}
		}
		cases = append(cases, runCase("coverage", "partial", sentences))
	}
	if s := rec.Summary.Sensitivity; s.Controls > 0 && s.Reached == 0 {
		cases = append(cases, runCase("sensitivity", "inconclusive", []string{controlsLine(s)}))
	}
	return cases
}

func runCase(name, kind string, sentences []string) *testcase {
	return &testcase{
		Classname: "partywall.run",
		Name:      name,
		Time:      seconds(0),
		Error: &problem{
			Type:    kind,
			Message: line(strings.Join(sentences, "; ")),
			Body:    text(strings.Join(sentences, "\n")),
		},
	}
}

func element(name string, attrs ...xml.Attr) xml.StartElement {
	return xml.StartElement{Name: xml.Name{Local: name}, Attr: attrs}
}

func attr(name, value string) xml.Attr {
	return xml.Attr{Name: xml.Name{Local: name}, Value: value}
}
