package reports

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-1-3"
	"github.com/google/uuid"

	"github.com/partywall/partywall/reports/controls"
	"github.com/partywall/partywall/verdicts"
)

// OSCAL is the run as OSCAL assessment results, against NIST SP 800-53: each
// check that was made is an observation, and so is each wall that does not hold
// or has no evidence. A control that a leak speaks against has a finding; one
// that the run supports has none, since no run satisfies a control.
type OSCAL struct{}

const (
	oscalFramework = "nist"
	oscalTool      = "Partywall"
	oscalNamespace = "https://partywall.dev/ns/oscal"
	mostGaps       = 2000 // observations of walls, the worst first
)

// Name is "oscal".
func (OSCAL) Name() string { return "oscal" }

// Wrote looks for the tool in the metadata.
func (OSCAL) Wrote(r io.Reader) bool {
	var f oscal.OscalModels
	if json.NewDecoder(io.LimitReader(r, 64<<20)).Decode(&f) != nil || f.AssessmentResults == nil || f.AssessmentResults.Metadata.Props == nil {
		return false
	}
	return slices.ContainsFunc(*f.AssessmentResults.Metadata.Props, func(p oscal.Property) bool {
		return p.Ns == oscalNamespace && p.Name == "tool" && p.Value == oscalTool
	})
}

// Write writes the record.
func (OSCAL) Write(w io.Writer, rec *verdicts.Record) error {
	f, err := controls.Find(oscalFramework)
	if err != nil {
		return err
	}
	o := &oscalRun{rec: rec, framework: f, checks: checksSeen{}, byCheck: map[string][]string{}}
	for r := range rec.Results.All() {
		o.checks.add(r)
	}
	o.clauses, o.gaps = o.checks.clauses(f, rec.Summary.Partial), gaps(rec.Results)
	if err := rec.Results.Err(); err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(oscal.OscalModels{AssessmentResults: o.results()})
}

// oscalRun is a run on its way into OSCAL.
type oscalRun struct {
	rec          *verdicts.Record
	framework    *controls.Framework
	checks       checksSeen
	clauses      []ClauseEvidence
	gaps         []*gap
	observations []oscal.Observation
	byCheck      map[string][]string // their ids
}

// id is the same whenever the same run is written.
func (o *oscalRun) id(kind string, parts ...string) string {
	h := o.rec.Header
	name := strings.Join(append([]string{h.Tenancy, h.Context, h.Run, h.Started.UTC().Format(time.RFC3339Nano), kind}, parts...), "\x00")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(oscalNamespace+"\x00"+name)).String()
}

func oscalProps(pairs ...string) *[]oscal.Property {
	var props []oscal.Property
	for i := 0; i < len(pairs); i += 2 {
		props = append(props, oscal.Property{Ns: oscalNamespace, Name: pairs[i], Value: orUnknown(word(pairs[i+1]))})
	}
	return &props
}

func (o *oscalRun) results() *oscal.AssessmentResults {
	h, s := o.rec.Header, o.rec.Summary
	subject := orUnknown(word(h.Tenancy)) + " on cluster context " + orUnknown(word(h.Context))
	plan := o.id("plan")
	return &oscal.AssessmentResults{
		UUID: o.id("document"),
		Metadata: oscal.Metadata{
			Title: "Isolation of the tenants of " + subject, Version: orUnknown(word(h.Run)), OscalVersion: oscal.Version,
			LastModified: oscalTime(h, s.Finished), Props: oscalProps("tool", oscalTool, "tool-version", h.Version),
		},
		ImportAp: oscal.ImportAp{Href: "#" + plan, Remarks: "The plan is the tenancy file: what it promises is what was tried."},
		Results:  []oscal.Result{o.result(subject)},
		BackMatter: &oscal.BackMatter{Resources: &[]oscal.Resource{{
			UUID: plan, Title: "Tenancy file", Description: "Who the tenants are, and what is promised of the walls between them: " + o.file(),
		}}},
	}
}

func (o *oscalRun) file() string {
	if o.rec.Header.File == nil {
		return "none; the tenants are those that labels of namespaces name, and no way between them is declared."
	}
	return line(o.rec.Header.File.Path)
}

func (o *oscalRun) result(subject string) oscal.Result {
	h, s := o.rec.Header, o.rec.Summary
	for _, check := range slices.Sorted(maps.Keys(o.checks)) {
		o.observeCheck(check)
	}
	for _, g := range o.gaps[:min(len(o.gaps), mostGaps)] {
		o.observeGap(g)
	}
	end := oscalTime(h, s.Finished)
	result := oscal.Result{
		UUID: o.id("result"), Title: "Run " + orUnknown(word(h.Run)) + " of " + subject,
		Description: "Attempts between probes in the namespaces of the tenants, each judged by what both sides saw.",
		Start:       h.Started.UTC(), End: &end, ReviewedControls: o.reviewed(),
		Props: oscalProps("exit-code", strconv.Itoa(s.Exit), "partial", strconv.FormatBool(s.Partial), "planned", strconv.Itoa(h.Planned),
			"judged", strconv.Itoa(o.rec.Results.Len()), "kubernetes-version", h.Server, "components", strings.Join(h.Components, ", "), "probe-image", h.Image, "identity", h.Identity),
		Remarks: strings.Join(append(append([]string{}, s.NotRun...), o.leftOut()...), "; "),
	}
	if len(o.observations) > 0 {
		result.Observations = &o.observations
	}
	if findings := o.findings(); len(findings) > 0 {
		result.Findings = &findings
	}
	return result
}

func (o *oscalRun) leftOut() []string {
	if more := len(o.gaps) - mostGaps; more > 0 {
		return []string{fmt.Sprintf("%d more walls have something to say and no observation here; the record has them all", more)}
	}
	return nil
}

// oscalTime is when something was, or else the run's start: a time is never
// left out.
func oscalTime(h verdicts.Header, t time.Time) time.Time {
	if t.IsZero() {
		t = h.Started
	}
	return t.UTC()
}

func (o *oscalRun) observe(checks string, ob oscal.Observation) {
	ob.Methods = []string{"TEST"}
	o.observations = append(o.observations, ob)
	o.byCheck[checks] = append(o.byCheck[checks], ob.UUID)
}

func (o *oscalRun) observeCheck(check string) {
	seen := o.checks[check]
	var words []string
	for _, v := range allVerdicts {
		if n := seen.counts[v]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, v))
		}
	}
	about := checkWords[check]
	if about == "" {
		about = "no description"
	}
	o.observe(check, oscal.Observation{
		UUID: o.id("check", check), Title: word(check), Description: fmt.Sprintf("%s. Attempts: %s.", about, strings.Join(words, ", ")),
		Collected: oscalTime(o.rec.Header, seen.last), Types: &[]string{"control-objective"},
	})
}

func (o *oscalRun) observeGap(g *gap) {
	check := g.suite + "/" + g.check
	r := g.first
	last := o.checks[check].last
	props := oscalProps("verdict", string(r.Verdict), "severity", cmp.Or(r.Severity, "none"), "attempts", strconv.Itoa(g.counts[g.class]), "attempt", r.ID)
	if len(g.reasons) > 0 {
		*props = append(*props, *oscalProps("accepted", strings.Join(g.reasons, "; "))...)
	}
	description := line(r.Why)
	if r.Cause != "" {
		description += ". Likely cause: " + line(r.Cause)
	}
	if r.Remedy != "" && g.class != classExcepted {
		description += ". Remedy: " + line(r.Remedy)
	}
	o.observe(check, oscal.Observation{
		UUID: o.id("wall", fmt.Sprint(g.wall)), Title: word(check) + ": " + strings.ToLower(classes[g.class].word) + " at " + orUnknown(word(g.around)),
		Description: description, Collected: oscalTime(o.rec.Header, last), Props: props, Types: &[]string{"finding"},
	})
}

// reviewed are the controls of which some check of the run has evidence.
func (o *oscalRun) reviewed() oscal.ReviewedControls {
	var ids []oscal.AssessedControlsSelectControlById
	for _, e := range o.clauses {
		if len(e.Ended) > 0 && e.Finding != clauseNoEvidence {
			ids = append(ids, oscal.AssessedControlsSelectControlById{ControlId: oscalControl(e.ID)})
		}
	}
	selection := oscal.AssessedControls{Description: line(o.framework.Name + ", " + o.framework.Edition)}
	if len(ids) > 0 {
		selection.IncludeControls = &ids
	}
	return oscal.ReviewedControls{ControlSelections: []oscal.AssessedControls{selection}}
}

// oscalControl spells a control as NIST's catalogue does: AC-4(21) is ac-4.21.
func oscalControl(id string) string {
	return strings.ToLower(strings.NewReplacer("(", ".", ")", "").Replace(id))
}

func (o *oscalRun) findings() []oscal.Finding {
	var findings []oscal.Finding
	for _, e := range o.clauses {
		if e.Finding != clauseAgainst {
			continue
		}
		var related []oscal.RelatedObservation
		for _, ended := range e.Ended {
			for _, id := range o.byCheck[ended.Check] {
				related = append(related, oscal.RelatedObservation{ObservationUuid: id})
			}
		}
		findings = append(findings, oscal.Finding{
			UUID: o.id("finding", e.ID), Title: e.ID + ": " + line(e.About), Description: "The run has evidence against it: attempts got through that nothing declares.",
			Target: oscal.FindingTarget{
				Type: "statement-id", TargetId: oscalControl(e.ID) + "_smt", Status: oscal.ObjectiveStatus{State: "not-satisfied", Reason: "fail"},
			},
			RelatedObservations: &related,
		})
	}
	return findings
}
