package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// SARIF is a log of findings as SARIF 2.1.0 has it, for code scanning: a rule a
// check, and a result for all that a check found at one wall. A cluster has no
// lines, so that a result is located where the tenancy file lists the tenant,
// or says who the tenants are; a run without a file has no lines at all.
type SARIF struct{}

// mostSARIF is how many results a log has: as many as GitHub keeps.
const mostSARIF = 5000

const (
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifVersion = "2.1.0"
	sarifTool    = "Partywall"
)

// Name is "sarif".
func (SARIF) Name() string { return "sarif" }

// Wrote looks for the tool's name.
func (SARIF) Wrote(r io.Reader) bool {
	dec := json.NewDecoder(r)
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if token == "driver" {
			var driver struct{ Name string }
			return dec.Decode(&driver) == nil && driver.Name == sarifTool
		}
	}
}

// The parts of a log. All that may be empty is left out: the schema wants no
// empty strings.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifDriverOf     `json:"tool"`
		Automation  sarifAutomation   `json:"automationDetails"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
	}
	sarifDriverOf struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID         string              `json:"id"`
		Short      sarifText           `json:"shortDescription"`
		Full       sarifText           `json:"fullDescription"`
		Help       sarifText           `json:"help"`
		Properties sarifRuleProperties `json:"properties"`
	}
	sarifRuleProperties struct {
		Tags     []string `json:"tags"`
		Severity string   `json:"security-severity"` // a number, as GitHub takes it
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Exit          int                 `json:"exitCode"`
		Start         string              `json:"startTimeUtc,omitempty"`
		End           string              `json:"endTimeUtc,omitempty"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		Rule         string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   sarifCounts        `json:"properties"`
	}
	sarifCounts struct {
		Severity string         `json:"severity,omitempty"`
		Attempts map[string]int `json:"attempts"` // by what they came to
		First    string         `json:"first"`    // the id of the worst
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		Line int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

// Write writes the record.
func (SARIF) Write(w io.Writer, rec *verdicts.Record) error {
	rules := sarifRules(rec.Results)
	list := gaps(rec.Results)
	if err := rec.Results.Err(); err != nil {
		return err
	}
	index := map[string]int{}
	for i, rule := range rules {
		index[rule.ID] = i
	}
	results := []sarifResult{}
	places := placesOf(rec.Header)
	for _, g := range list[:min(len(list), mostSARIF)] {
		result := g.sarif(places)
		result.RuleIndex = index[result.Rule]
		results = append(results, result)
	}
	text, err := marshal(sarifLog{sarifSchema, sarifVersion, []sarifRun{{
		Tool:        sarifDriverOf{sarifDriver{Name: sarifTool, Version: word(rec.Header.Version), Rules: rules}},
		Automation:  sarifAutomation{"partywall/" + word(rec.Header.Context) + "/" + word(rec.Header.Run)},
		Invocations: []sarifInvocation{sarifInvocationOf(rec, len(list)-len(results))},
		Results:     results,
		ColumnKind:  "unicodeCodePoints",
	}}})
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// sarifRules are the checks that were made, each as severe as its worst.
func sarifRules(results verdicts.Results) []sarifRule {
	worst := map[string]string{}
	for r := range results.All() {
		check := checkOf(r)
		if s, ok := worst[check]; !ok || severityRank(r.Severity) < severityRank(s) {
			worst[check] = r.Severity
		}
	}
	rules := []sarifRule{}
	for _, check := range slices.Sorted(maps.Keys(worst)) {
		rules = append(rules, sarifRule{
			ID:         check,
			Short:      sarifText{sarifWords(CheckWords(check))},
			Full:       sarifText{sarifWords("Partywall tries " + CheckWords(check) + ".")},
			Help:       sarifText{sarifWords("Partywall tried on the live cluster " + CheckWords(check) + ", and what came of it is not what the tenancy promises. Each result says what to do, and how to see it again.")},
			Properties: sarifRuleProperties{Tags: []string{"security", "tenant-isolation"}, Severity: securitySeverity(worst[check])},
		})
	}
	return rules
}

// checkOf is the check's name in full.
func checkOf(r *verdicts.Result) string { return word(r.Suite) + "/" + word(r.Check) }

// securitySeverity is a severity on the scale of CVSS, in the middle of the
// range that GitHub calls by the same word.
func securitySeverity(s string) string {
	switch s {
	case "critical":
		return "9.5"
	case "high":
		return "8.0"
	case "medium":
		return "5.5"
	case "low":
		return "2.5"
	default:
		return "0.1"
	}
}

// sarifInvocationOf tells of the run. One that is not whole is not called
// successful: who takes it for a whole one would close what it did not look at.
func sarifInvocationOf(rec *verdicts.Record, left int) sarifInvocation {
	s := rec.Summary
	v := sarifInvocation{
		Successful: !s.Incomplete && !s.Finished.IsZero(),
		Exit:       s.Exit, Start: sarifTime(rec.Header.Started), End: sarifTime(s.Finished),
	}
	note := func(level, text string) {
		v.Notifications = append(v.Notifications, sarifNotification{level, sarifText{sarifWords(text)}})
	}
	for _, sentence := range s.NotRun {
		note("warning", "Not run: "+sentence)
	}
	for _, sentence := range s.Notes {
		note("note", "Note: "+sentence)
	}
	if left > 0 {
		note("warning", fmt.Sprintf("%s of less weight left out; results.json has them all", plural(left, "result")))
	}
	note("note", controlsLine(s.Sensitivity))
	return v
}

func sarifTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// places are where the tenancy file speaks of the tenants.
type places struct {
	uri    string // empty where there is no file
	line   int
	tenant map[string]int
}

// stdin is how a tenancy from standard input is called, which is no file.
const stdin = "<stdin>"

func placesOf(h verdicts.Header) places {
	if h.File == nil || h.File.Path == "" || h.File.Path == stdin {
		return places{}
	}
	path := filepath.ToSlash(filepath.Clean(h.File.Path))
	uri := url.URL{Path: path}
	if filepath.IsAbs(h.File.Path) {
		uri.Scheme = "file"
	}
	p := places{uri: uri.String(), line: max(h.File.Line, 1), tenant: map[string]int{}}
	for _, t := range h.Tenants {
		p.tenant[t.Name] = t.Line
	}
	return p
}

func (p places) of(tenant string) *sarifPhysical {
	if p.uri == "" {
		return nil
	}
	at := p.line
	if listed := p.tenant[tenant]; listed > 0 {
		at = listed
	}
	return &sarifPhysical{sarifArtifact{p.uri}, sarifRegion{at}}
}

// sarif is the gap as a result.
func (g *gap) sarif(p places) sarifResult {
	r := sarifResult{
		Rule: checkOf(g.first), Level: g.level(), Message: sarifText{g.message()},
		Locations:    []sarifLocation{{p.of(g.tenant), []sarifLogical{{sarifName(g.around), "tenant"}}}},
		Fingerprints: g.fingerprints(),
		Properties:   sarifCounts{word(g.severity), map[string]int{}, line(g.first.ID)},
	}
	for k, n := range g.counts {
		if n > 0 {
			r.Properties.Attempts[classes[k].word] = n
		}
	}
	if g.class == classExcepted {
		r.Suppressions = []sarifSuppression{{"external", "accepted", sarifWords(strings.Join(g.reasons, "; "))}}
	}
	return r
}

// level is an error for what fails, and for what is not proven a warning: a
// reader that closes what it no longer sees must go on seeing it.
func (g *gap) level() string {
	switch g.class {
	case classLeak, classBroken:
		return "error"
	case classInconclusive:
		return "warning"
	case classNoted:
		if severityRank(g.severity) <= severityRank("medium") {
			return "warning"
		}
	}
	return "note"
}

func (g *gap) message() string {
	r := g.first
	why := r.Why
	if g.class == classExcepted {
		why = acceptance(r)
	}
	far := "source"
	if g.out {
		far = "target"
	}
	var counts []string
	for k, n := range g.counts {
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, classes[k].meaning))
		}
	}
	parts := []string{sarifWords(why), "Attempts from or to " + plural(len(g.others), far) + ": " + strings.Join(counts, ", ")}
	if r.Cause != "" {
		parts = append(parts, "Likely cause: "+sarifWords(r.Cause))
	}
	if r.Remedy != "" && g.class != classExcepted {
		parts = append(parts, "Remedy: "+sarifWords(r.Remedy))
	}
	if r.Rerun != "" {
		parts = append(parts, "Again: "+sarifWords(r.Rerun))
	}
	return strings.Join(parts, "\n")
}

// fingerprints stay the same from run to run, whatever becomes of the wall.
// GitHub takes the first only, and would make it of the line, which several
// results may share.
func (g *gap) fingerprints() map[string]string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %t", []string{g.suite, g.check, g.around, g.service, g.outside}, g.out))
	hash := hex.EncodeToString(sum[:16])
	return map[string]string{"primaryLocationLineHash": hash + ":1", "partywallWall/v1": hash}
}

// brackets begin and end links in the texts of a log.
var brackets = strings.NewReplacer("[", `\[`, "]", `\]`)

// sarifWords is a text, which may not be empty.
func sarifWords(s string) string {
	if s == "" {
		return "no reason was given"
	}
	return brackets.Replace(line(s))
}

func sarifName(s string) string {
	if s == "" {
		return "unnamed"
	}
	return word(s)
}
