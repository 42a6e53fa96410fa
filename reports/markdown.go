package reports

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// Markdown is the run in short, for a step summary or a comment on a change:
// the matrix where it is small, and the findings, a row each, as the terminal
// groups them. What foreign strings there are stand in code spans, where they
// neither mention anybody nor mean anything.
type Markdown struct{}

// maxMarkdown is what the whole may take, in bytes: the characters that GitHub
// takes in a comment. GitLab's comments and GitHub's step summaries take more.
const maxMarkdown = 65_536

// How much of what may be long goes into the file, in bytes.
const (
	maxMarkdownName     = 100
	maxMarkdownSentence = 400
)

// smallMatrix is how many columns and rows can be read in a comment.
const smallMatrix = 12

// markdownBegins is the first line of the file, which no reader sees.
const markdownBegins = "<!-- partywall report -->\n"

// Name is "markdown".
func (Markdown) Name() string { return "markdown" }

// Wrote looks for the first line.
func (Markdown) Wrote(r io.Reader) bool {
	got := make([]byte, len(markdownBegins))
	_, err := io.ReadFull(r, got)
	return err == nil && string(got) == markdownBegins
}

// Write writes the record. What does not fit is left out by whole findings, the
// least first, and counted.
func (Markdown) Write(w io.Writer, rec *verdicts.Record) error {
	var head, tail bytes.Buffer
	head.WriteString(markdownBegins)
	writeMarkdownHead(&head, rec)
	g := gridOf(rec)
	writeMarkdownMatrix(&head, g)
	writeMarkdownLayers(&head, g.layers.Pairs())
	writeMarkdownSentences(&tail, "Not run", "Not run: ", rec.Summary.NotRun)
	writeMarkdownSentences(&tail, "Notes", "Note: ", rec.Summary.Notes)
	list := findings(rec)
	if err := rec.Results.Err(); err != nil {
		return err
	}
	writeMarkdownFindings(&head, list, maxMarkdown-head.Len()-tail.Len())
	_, err := io.Copy(w, io.MultiReader(&head, &tail))
	return err
}

func writeMarkdownHead(b *bytes.Buffer, rec *verdicts.Record) {
	h, s := rec.Header, rec.Summary
	fmt.Fprintf(b, "## Partywall: %s\n\n**%s**\n\n", markdownCode(h.Tenancy), headline(s))
	fmt.Fprintf(b, "%s. %s.\n\n", countsLine(rec), controlsLine(s.Sensitivity))
	fmt.Fprintf(b, "Run %s by Partywall %s on %s (Kubernetes %s", markdownCode(h.Run), markdownCode(h.Version),
		markdownCode(h.Context), markdownCode(h.Server))
	for _, c := range h.Components {
		b.WriteString(", " + markdownCode(c))
	}
	fmt.Fprintf(b, "), as %s", markdownCode(h.Identity))
	if !h.Started.IsZero() {
		fmt.Fprintf(b, ", begun %s", h.Started.UTC().Format(time.RFC3339))
	}
	b.WriteString(".\n\n")
}

// headline is how the run ended, in a sentence.
func headline(s verdicts.Summary) string {
	var out string
	switch {
	case s.Failures > 0:
		out = "✗ Failed: " + plural(s.Failures, "attempt") + " got through, or what is declared is blocked."
	case s.Exit != verdicts.ExitPass:
		out = "? No proof: something is inconclusive or was not run."
	default:
		out = "✓ Passed: of what was tried nothing fails."
	}
	if s.Partial {
		out += " The run is partial."
	}
	return out
}

func writeMarkdownMatrix(b *bytes.Buffer, g *grid) {
	if len(g.rows) == 0 || len(g.rows) > smallMatrix || len(g.cols) > smallMatrix {
		return
	}
	b.WriteString("| from \\ to |")
	for _, c := range g.cols {
		b.WriteString(" " + markdownCode(c.name))
		if c.kind != ofTenant {
			b.WriteString(" (" + columnKinds[c.kind].word + ")")
		}
		b.WriteString(" |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(g.cols)) + "\n")
	for i, name := range g.rows {
		b.WriteString("| " + markdownCode(name) + " |")
		for j := range g.cols {
			words := strings.ReplaceAll(g.words(i, j, Options{}), "\n  ", " ")
			b.WriteString(" " + strings.ReplaceAll(words, "\n", "<br>") + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n" + legend(g) + "\n\n")
}

// leftOut is kept free for the line that says what was left out.
const leftOut = 100

func writeMarkdownFindings(b *bytes.Buffer, list []*finding, room int) {
	if len(list) == 0 {
		return
	}
	const heading = "### Findings\n\n| Finding | From → to | Check | Attempts | Why, and what to do |\n|---|---|---|---|---|\n"
	b.WriteString(heading)
	room -= len(heading) + leftOut
	for i, f := range list {
		row := f.markdown()
		if len(row) > room {
			fmt.Fprintf(b, "\nAnd %s; results.json has them all.\n", plural(len(list)-i, "more finding"))
			break
		}
		b.WriteString(row)
		room -= len(row)
	}
	b.WriteString("\n")
}

// markdown is a row.
func (f *finding) markdown() string {
	r := f.first
	pair := markdownCode(r.From.Who()) + " → " + markdownCode(r.To.Who())
	if more := len(f.pairs) - 1; more > 0 {
		pair += " and " + plural(more, "more pair")
	}
	var told []string
	for _, why := range f.reasons[:min(len(f.reasons), mostReasons)] {
		told = append(told, markdownText(why))
	}
	if more := len(f.reasons) - mostReasons; more > 0 {
		told = append(told, "and for "+plural(more, "more reason"))
	}
	if r.Cause != "" {
		told = append(told, "Likely cause: "+markdownText(r.Cause))
	}
	if r.Remedy != "" && f.class != classExcepted {
		told = append(told, "Remedy: "+markdownText(r.Remedy))
	}
	if r.Rerun != "" {
		told = append(told, "Again: "+markdownSpan(r.Rerun, maxMarkdownSentence))
	}
	label := f.label()
	if !slices.Contains(severities, f.severity) {
		label = markdownText(label) // who knows what it says
	}
	return fmt.Sprintf("| %s | %s | %s | %d | %s |\n", label, pair,
		markdownCode(r.Suite+"/"+r.Check), f.count, strings.Join(told, "<br>"))
}

// writeMarkdownSentences puts a label before each, so that none begins a list,
// or whatever else a line can begin, of its own.
func writeMarkdownSentences(b *bytes.Buffer, heading, label string, sentences []string) {
	if len(sentences) == 0 {
		return
	}
	fmt.Fprintf(b, "### %s\n\n", heading)
	for _, s := range sentences[:min(len(sentences), mostSentences)] {
		b.WriteString("- " + label + markdownText(s) + "\n")
	}
	if more := len(sentences) - mostSentences; more > 0 {
		fmt.Fprintf(b, "- and %d more; results.json has them all\n", more)
	}
	b.WriteString("\n")
}

// markdownText is a sentence: as it is where nothing in it means anything to
// Markdown or to those who add to it (mentions, references, links, formulas),
// and otherwise in a code span.
func markdownText(s string) string {
	if strings.ContainsAny(s, "\\`*_[]<>&|~@#!$^{}") || strings.Contains(s, "://") || strings.Contains(strings.ToLower(s), "www.") {
		return markdownSpan(s, maxMarkdownSentence)
	}
	return bounded(Harmless(bounded(s, maxLine)), maxMarkdownSentence)
}

// markdownCode is a name.
func markdownCode(s string) string { return markdownSpan(s, maxMarkdownName) }

// outOfSpan are the two characters that can end a code span in a table. Readers
// differ in how they can be kept, so they become visible escapes.
var outOfSpan = strings.NewReplacer("|", `\x7c`, "`", `\x60`)

// markdownSpan is a string as a code span.
func markdownSpan(s string, most int) string {
	s = outOfSpan.Replace(bounded(Harmless(bounded(s, maxLine)), most))
	if strings.TrimSpace(s) == "" {
		return "none"
	}
	return "`" + s + "`"
}
