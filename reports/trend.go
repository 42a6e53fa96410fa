package reports

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/partywall/partywall/verdicts"
)

// The bounds of a trend's page, which stays a page: the latest nights, and of
// the walls that did not hold those that matter most.
const (
	mostNights = 400
	mostWays   = 300
)

// trendClasses are what the page draws of a night: what is not as it should be,
// the worst at the bottom.
var trendClasses = []class{classLeak, classBroken, classInconclusive, classNoted, classExcepted}

// trend is the page of a history.
type trend struct {
	*History
	Tone, Verdict, Sentence string
	Rows                    []trendRow // the latest first
	Bars                    []trendBar
	Width                   int
	Keys                    []classView
	Ways                    []trendWay
	MoreNights, MoreWays    int
}

// trendRow is one night.
type trendRow struct {
	Started, Run, Version, Ended, Tone string
	Leaks, Broken, Open, Noted         int
	Excepted, Held, NotTried           int
	Since                              string
}

// trendBar is a part of a night's column.
type trendBar struct {
	Key, Title   string
	X, Y, Height int
}

// trendWay is who tried whom, and how it was in each night.
type trendWay struct {
	From, To, Suite, State string
	Open                   bool
	Marks                  []trendBar
	Width                  int
}

// WriteTrend writes a history as one page that asks for nothing else.
func WriteTrend(w io.Writer, h *History) error {
	t := &trend{History: h, MoreNights: max(0, len(h.Nights)-mostNights)}
	t.tell()
	return pageTemplate.ExecuteTemplate(w, "trend.html.tmpl", t)
}

func (t *trend) tell() {
	nights := t.Nights[t.MoreNights:]
	for _, n := range slices.Backward(nights) {
		t.Rows = append(t.Rows, rowOf(n))
	}
	for _, k := range trendClasses {
		t.Keys = append(t.Keys, viewOfClass(k))
	}
	t.draw(nights)
	ways, open := t.notHeld(), 0
	for _, w := range ways {
		if w.since >= 0 {
			open++
		}
	}
	if len(ways) > mostWays {
		ways, t.MoreWays = ways[:mostWays], len(ways)-mostWays
	}
	for _, w := range ways {
		t.Ways = append(t.Ways, t.viewOfWay(w))
	}
	last := t.Nights[len(t.Nights)-1]
	t.Tone, t.Verdict = toneOf(last)
	if t.Tone == "good" && open > 0 {
		t.Tone, t.Verdict = "unsure", fmt.Sprintf("Not proven: the latest run found nothing, but has no evidence of all that got through %s before", plural(open, "wall"))
	}
	t.Sentence = fmt.Sprintf("%s of %s on cluster context %s, from %s to %s.", plural(len(t.Nights), "run"), orUnknown(word(t.Tenancy)), orUnknown(word(t.Context)),
		day(t.Nights[0].Header.Started), day(last.Header.Started))
}

// toneOf says how a night ended.
func toneOf(n Night) (tone, words string) {
	switch {
	case n.Summary.Failures > 0 || n.counts[classLeak]+n.counts[classBroken] > 0:
		return "bad", fmt.Sprintf("The walls do not hold: %s failed in the latest run", plural(max(n.Summary.Failures, n.counts[classLeak]+n.counts[classBroken]), "attempt"))
	case n.Summary.Exit != verdicts.ExitPass || n.Results == 0:
		return "unsure", "Not proven: the latest run has no evidence of all that was to be tried"
	case n.Summary.Partial:
		return "good", "The walls held in the latest run, which was asked for a part only"
	}
	return "good", "The walls held in the latest run"
}

func rowOf(n Night) trendRow {
	tone, _ := toneOf(n)
	ended := map[string]string{"bad": "failed", "unsure": "not proven", "good": "held"}[tone]
	if tone == "good" && n.Summary.Partial {
		ended = "held, in part"
	}
	return trendRow{
		Started: day(n.Header.Started), Run: word(n.Header.Run), Version: word(n.Header.Version), Ended: ended, Tone: tone,
		Leaks: n.counts[classLeak], Broken: n.counts[classBroken], Open: n.counts[classInconclusive], Noted: n.counts[classNoted],
		Excepted: n.counts[classExcepted], Held: n.counts[classIsolated] + n.counts[classUnreached] + n.counts[classAllowed],
		NotTried: n.counts[classSkipped], Since: sinceWords(n.Since),
	}
}

// sinceWords says what is new since the run before.
func sinceWords(d *verdicts.DriftTotals) string {
	if d == nil {
		return ""
	}
	counts := kindCounts(*d)
	if len(counts) == 0 {
		return "nothing changed"
	}
	return strings.Join(counts, ", ")
}

const (
	barHeight = 140
	barWidth  = 8
	markWidth = 6
)

// draw makes a column a night, of what was not as it should be.
func (t *trend) draw(nights []Night) {
	most := 1
	for _, n := range nights {
		most = max(most, n.attention())
	}
	t.Width = len(nights) * barWidth
	for i, n := range nights {
		y := barHeight
		for _, k := range trendClasses {
			if n.counts[k] == 0 {
				continue
			}
			height := max(1, n.counts[k]*barHeight/most)
			y -= height
			t.Bars = append(t.Bars, trendBar{
				Key: classKeys[k], X: i * barWidth, Y: y, Height: height,
				Title: fmt.Sprintf("%s: %d %s", day(n.Header.Started), n.counts[k], strings.ToLower(classes[k].word)),
			})
		}
	}
}

func (n Night) attention() int {
	sum := 0
	for _, k := range trendClasses {
		sum += n.counts[k]
	}
	return sum
}

func (t *trend) viewOfWay(w wayHistory) trendWay {
	view := trendWay{From: line(w.from), To: line(w.to), Suite: word(w.suite), Open: w.since >= 0, Width: (len(t.Nights) - t.MoreNights) * markWidth}
	if view.Open {
		view.State = fmt.Sprintf("open since %s, for %s", day(t.Nights[w.since].Header.Started), plural(len(t.Nights)-w.since, "run"))
	} else {
		view.State = "last seen open " + day(t.Nights[w.last].Header.Started)
	}
	for i := t.MoreNights; i < len(t.Nights); i++ {
		mark := trendBar{Key: "held", X: (i - t.MoreNights) * markWidth, Title: day(t.Nights[i].Header.Started) + ": nothing seen"}
		if k, ok := w.nights[i]; ok {
			mark.Key, mark.Title = classKeys[k], day(t.Nights[i].Header.Started)+": "+strings.ToLower(classes[k].word)
		}
		view.Marks = append(view.Marks, mark)
	}
	return view
}

// Policy is the page's content security policy: it has no program.
func (*trend) Policy() string {
	return fmt.Sprintf("default-src 'none'; style-src %s; base-uri 'none'; form-action 'none'", trendStyle.hash)
}

// Style is the page's own, which nobody else has a say in.
func (*trend) Style() template.CSS { return template.CSS(trendStyle.text) }

// Generator is how a page says whose it is.
func (*trend) Generator() string { return trendGenerator }

const trendGenerator = "Partywall trend"

var trendStyle = newInline("style.css", "trend.css")

// Trend writes a history for a terminal, a line a night, the latest last.
func Trend(w io.Writer, h *History) error {
	header := []string{"STARTED", "RUN", "ENDED", "LEAK", "BROKEN", "INCONCLUSIVE", "EXCEPTED", "HELD", "SINCE THE RUN BEFORE"}
	var rows [][]string
	for _, n := range h.Nights {
		r := rowOf(n)
		row := []string{r.Started, r.Run, r.Ended}
		for _, count := range []int{r.Leaks + r.Noted, r.Broken, r.Open, r.Excepted, r.Held} {
			row = append(row, strconv.Itoa(count))
		}
		rows = append(rows, append(row, r.Since))
	}
	text, err := table(header, rows, tight)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// SaveTrend writes the page into a file, in the place of an earlier one at most.
func SaveTrend(path string, h *History) error {
	if err := TrendReplaceable(path); err != nil {
		return err
	}
	return writeFile(path, func(w io.Writer) error { return WriteTrend(w, h) })
}

// TrendReplaceable refuses a path at which something else stands than a trend of
// Partywall's.
func TrendReplaceable(path string) error {
	return replaceable(path, func(r io.Reader) bool { return generatorOf(r) == trendGenerator }, "trend of Partywall's")
}
