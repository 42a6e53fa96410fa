package reports

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/partywall/partywall/reports/controls"
	"github.com/partywall/partywall/verdicts"
)

// How many of what there may be very many of a page lists. What is left out is
// counted there.
const (
	mostListed     = 200
	mostCauseShown = 100
	mostPairsNamed = 12
)

// page is what the template is filled with. The strings that somebody else
// chose are made harmless here or there (line and word), and the template
// escapes all of them.
type page struct {
	Header    verdicts.Header
	Summary   verdicts.Summary
	Results   int
	Tone      string // good, bad or unsure
	Verdict   string
	Sentence  string // the run in one paragraph
	Coverage  coverage
	Layers    layersView
	Findings  []causeView
	MoreOf    int // findings that are not shown
	Accepted  []causeView
	MoreAcc   int // exceptions that are not shown
	Classes   []classView
	Framework *controls.Framework // nil where none was asked for
	Clauses   []ClauseEvidence
	Data      template.JS
}

// classView is a line of the legend.
type classView struct{ Key, Symbol, Word, Meaning string }

// dataJSON is what the page's program shows.
type dataJSON struct {
	Heat     heatJSON          `json:"heat"`
	Classes  []classJSON       `json:"classes"`
	Attempts []json.RawMessage `json:"attempts"`
}

type classJSON struct {
	Key       string `json:"key"`
	Symbol    string `json:"symbol"`
	Word      string `json:"word"`
	Attention bool   `json:"attention"`
}

func newPage(rec *verdicts.Record, framework *controls.Framework) (*page, error) {
	h, c, checks := newHeat(rec.Header), &causes{of: map[causeKey]*cause{}}, checksSeen{}
	var layers verdicts.Layers
	for r := range rec.Results.All() {
		layers.Add(r)
		c.add(r, h.add(r))
		checks.add(r)
	}
	if err := rec.Results.Err(); err != nil {
		return nil, err
	}
	c.sort()
	p := &page{Header: rec.Header, Summary: rec.Summary, Results: rec.Results.Len(), Coverage: cover(rec, h, c), Layers: viewOfLayers(layers.Pairs())}
	if p.Framework = framework; framework != nil {
		p.Clauses = checks.clauses(framework, rec.Summary.Partial)
	}
	var err error
	if p.Data, err = data(h, c); err != nil {
		return nil, err
	}
	p.tell(h, c)
	p.judge()
	p.Sentence = p.paragraph(len(rec.Header.Tenants))
	return p, nil
}

// tell lists the causes that a reader has to know.
func (p *page) tell(h *heat, c *causes) {
	for _, known := range c.list {
		switch {
		case known.key.class == classExcepted && len(p.Accepted) == mostListed:
			p.MoreAcc++
		case known.key.class == classExcepted:
			p.Accepted = append(p.Accepted, viewOf(known, h))
		case known.key.class.attention() && len(p.Findings) == mostCauseShown:
			p.MoreOf++
		case known.key.class.attention():
			p.Findings = append(p.Findings, viewOf(known, h))
		}
	}
	for k := range classCount {
		p.Classes = append(p.Classes, viewOfClass(k))
	}
}

// inFull says what the classes mean to somebody who meets them here first.
var inFull = [classCount]string{
	classLeak:         "got through, and nothing declares it",
	classBroken:       "declared, and blocked",
	classInconclusive: "no evidence either way; never counted as a wall",
	classNoted:        "got through, and is less severe than what fails the run",
	classExcepted:     "got through, and somebody accepted it until a day",
	classUnreached:    "denied, as far as the source's side can tell",
	classAllowed:      "declared, and works",
	classIsolated:     "denied, and both sides prove it",
	classSkipped:      "not tried, since it does not apply here",
}

// classKeys are what the style calls the classes.
var classKeys = [classCount]string{"leak", "broken", "inconclusive", "noted", "excepted", "unreached", "allowed", "isolated", "skipped"}

// judge says what it comes to. Only a run that ended with 0, was whole and tried
// something is good news.
func (p *page) judge() {
	s := p.Summary
	open := p.count(classInconclusive)
	failed := max(s.Failures, p.count(classLeak)+p.count(classBroken))
	switch {
	case failed > 0:
		p.Tone, p.Verdict = "bad", fmt.Sprintf("The walls do not hold: %s failed", plural(failed, "attempt"))
	case open > 0 || s.Incomplete || p.Results == 0 || s.Exit != verdicts.ExitPass:
		p.Tone, p.Verdict = "unsure", "Not proven: "+p.unproven()
	default:
		p.Tone, p.Verdict = "good", "The walls held, in everything that was tried"
		if p.count(classExcepted) > 0 || p.count(classNoted) > 0 {
			p.Verdict = "The walls held, but for what was accepted or does not count as a failure"
		}
		if s.Partial {
			p.Verdict += "; the run was asked for a part only"
		}
	}
}

// count is how many results are of a class, whatever the summary says.
func (p *page) count(k class) int { return p.Coverage.Rows[k].Count }

func (p *page) unproven() string {
	switch open := p.count(classInconclusive); {
	case p.Results == 0:
		return "no attempt has a result"
	case open > 0 && p.Summary.Incomplete:
		return fmt.Sprintf("%s without evidence, and the run is not whole", plural(open, "attempt"))
	case open > 0:
		return plural(open, "attempt") + " without evidence either way"
	default:
		return "the run is not whole"
	}
}

// paragraph is the run for somebody who was not there.
func (p *page) paragraph(tenants int) string {
	h, s := p.Header, p.Summary
	var b strings.Builder
	fmt.Fprintf(&b, "Partywall %s tried from %s to %s whether the %s of %s on cluster context %s (Kubernetes %s) are walled off from each other, by real connections between probes in their namespaces. ",
		orUnknown(word(h.Version)), moment(h.Started), moment(s.Finished), plural(tenants, "tenant"), orUnknown(word(h.Tenancy)), orUnknown(word(h.Context)),
		word(strings.Join(append([]string{orUnknown(h.Server)}, h.Components...), ", ")))
	fmt.Fprintf(&b, "Of %s that were planned, %d have a result: ", plural(h.Planned, "attempt"), p.Results)
	var parts []string
	for _, row := range p.Coverage.Rows {
		if row.Count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", row.Count, strings.ToLower(row.Word)))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	b.WriteString(strings.Join(parts, ", ") + ". ")
	b.WriteString(p.found())
	b.WriteString(controlsLine(s.Sensitivity) + ".")
	if s.Partial {
		b.WriteString(" Not everything was tried; what was not, and why, stands under Coverage.")
	}
	return b.String()
}

func (p *page) found() string {
	n := len(p.Findings) + p.MoreOf
	if n == 0 {
		return "Nothing was found that needs attention. "
	}
	return "That comes to " + plural(n, "finding") + ". "
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "(unknown)"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// From and To are when the run was.
func (p *page) From() string { return moment(p.Header.Started) }

// To is when it ended.
func (p *page) To() string { return moment(p.Summary.Finished) }

// Controls is the run's proof that it would have seen a leak.
func (p *page) Controls() string { return controlsLine(p.Summary.Sensitivity) }

// data is what the page's program shows, of which html would end nothing: what
// opens and closes tags is escaped.
func data(h *heat, c *causes) (template.JS, error) {
	d := dataJSON{Heat: h.json(), Attempts: []json.RawMessage{}}
	for k, c := range classes {
		d.Classes = append(d.Classes, classJSON{classKeys[k], c.symbol, c.word, class(k).attention()})
	}
	size := 0
	for _, known := range c.list {
		for a := range known.told.all() {
			a.Cause = known.number
			text, err := json.Marshal(a)
			if err != nil {
				return "", err
			}
			if size += len(text); size <= mostToldBytes {
				d.Attempts = append(d.Attempts, text)
				known.shown++
			}
		}
	}
	text, err := json.Marshal(d)
	return template.JS(text), err
}
