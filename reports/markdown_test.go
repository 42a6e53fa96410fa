package reports

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extensionast "github.com/yuin/goldmark/extension/ast"
	goldmarktext "github.com/yuin/goldmark/text"

	"github.com/partywall/partywall/verdicts"
)

func markdownOf(t *testing.T, rec *verdicts.Record) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Markdown{}.Write(&b, rec))
	require.LessOrEqual(t, b.Len(), maxMarkdown)
	assert.True(t, Markdown{}.Wrote(strings.NewReader(b.String())))
	return b.String()
}

// outline is what a reader of Markdown that is not ours sees in a file.
type outline struct {
	tables   [][][]string // cells, as text
	headings []string
	items    int
	odd      []string // links, pictures, mentions, HTML and the like that are not ours
}

func outlineOf(t *testing.T, file string) outline {
	t.Helper()
	source := []byte(file)
	doc := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(goldmarktext.NewReader(source))
	var o outline
	require.NoError(t, ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch v := n.(type) {
		case *ast.Text:
			if _, code := v.Parent().(*ast.CodeSpan); !code && bytes.ContainsAny(v.Segment.Value(source), "@#") {
				o.odd = append(o.odd, "a mention or reference: "+string(v.Segment.Value(source)))
			}
		case *extensionast.Table:
			o.tables = append(o.tables, nil)
		case *extensionast.TableHeader, *extensionast.TableRow:
			last := &o.tables[len(o.tables)-1]
			var cells []string
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				cells = append(cells, textOf(c, source))
			}
			*last = append(*last, cells)
		case *ast.Heading:
			o.headings = append(o.headings, textOf(v, source))
		case *ast.ListItem:
			o.items++
		case *ast.Link, *ast.AutoLink, *ast.Image, *ast.FencedCodeBlock, *ast.CodeBlock, *ast.Blockquote, *extensionast.Strikethrough, *extensionast.TaskCheckBox:
			o.odd = append(o.odd, n.Kind().String())
		case *ast.RawHTML:
			if html := string(v.Segments.Value(source)); html != "<br>" {
				o.odd = append(o.odd, html)
			}
		case *ast.HTMLBlock:
			if html := string(v.Lines().Value(source)); html != markdownBegins {
				o.odd = append(o.odd, html)
			}
		}
		return ast.WalkContinue, nil
	}))
	return o
}

func textOf(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch v := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(v.Segment.Value(source))
			}
		case *ast.RawHTML:
			if entering {
				b.WriteString("\n")
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

func TestMarkdownTellsTheRun(t *testing.T) {
	rec := fakeRun(5)
	rec.Summary.Partial, rec.Summary.NotRun = true, []string{"hooli: no quota left"}
	file := markdownOf(t, rec)
	o := outlineOf(t, file)
	assert.Empty(t, o.odd)
	assert.Equal(t, []string{"Partywall: staging", "Findings", "Not run"}, o.headings)
	assert.Equal(t, 1, o.items)
	assert.Contains(t, file, "**✗ Failed: 8 attempts got through, or what is declared is blocked. The run is partial.**")
	assert.Contains(t, file, "Run `7c1f9a` by Partywall `0.1.0` on `kind-staging` (Kubernetes `v1.37.2`, `Cilium v1.20.2`, `Istio`), as `ci`, begun 2026-11-24T03:00:00Z.\n")
	assert.Contains(t, file, "Controls: 144 of 144 reached, as they must.")
	require.Len(t, o.tables, 2)
	assert.Equal(t, []string{"from \\ to", "acme", "globex", "umbrella", "initech", "hooli", "audit (shared)"}, o.tables[0][0])
	assert.Equal(t, []string{"acme", "—", "✗ 6/18 LEAK", "✓ 18 isolated", "✓ 18 isolated", "✓ 18 isolated", "+ 1 allowed"}, o.tables[0][1])
	found := o.tables[1]
	assert.Equal(t, []string{"✗ LEAK, high", "acme → globex", "network/tcp", "6"}, found[1][:4])
	assert.Equal(t, "acme reached globex over TCP: the genuine target answered\nRemedy: "+list(rec)[1].Remedy+
		"\nAgain: partywall run --only 'network/tcp/acme.web->globex.web/target-1/service-name:9007/cross-node/bare' --keep", found[1][4])
	assert.Len(t, found, 1+len(findings(rec)))
}

func TestMarkdownHeadlines(t *testing.T) {
	for want, s := range map[string]verdicts.Summary{
		"✓ Passed: of what was tried nothing fails.":                                {},
		"✓ Passed: of what was tried nothing fails. The run is partial.":            {Partial: true},
		"? No proof: something is inconclusive or was not run.":                     {Exit: 3},
		"✗ Failed: 1 attempt got through, or what is declared is blocked.":          {Exit: 1, Failures: 1},
		"? No proof: something is inconclusive or was not run. The run is partial.": {Exit: 3, Partial: true, Incomplete: true},
	} {
		assert.Equal(t, want, headline(s))
	}
}

func TestMarkdownHasNoLargeMatrix(t *testing.T) {
	o := outlineOf(t, markdownOf(t, thinRun(12)))
	require.Len(t, o.tables, 1, "with the shared service there are 13 columns")
	assert.Equal(t, "Finding", o.tables[0][0][0])
	rec := thinRun(12)
	rec.Header.Shared = nil
	assert.Len(t, outlineOf(t, markdownOf(t, rec)).tables, 2)
}

// The whole fits a comment whatever there is to tell, by leaving out findings.
func TestMarkdownFits(t *testing.T) {
	long := strings.Repeat("\x1b`|@x", 1000)
	rec := hostileRecord(long)
	for i := range 500 {
		r := fakeResult(fmt.Sprint(i, long), fmt.Sprint(i, long), "tcp", 0)
		leaks(&r)
		r.Why, r.Remedy, r.Rerun = long, long, long
		rec.Results = append(list(rec), r)
		rec.Summary.NotRun = append(rec.Summary.NotRun, fmt.Sprint("not run ", i, long))
		rec.Summary.Notes = rec.Summary.NotRun
	}
	file := markdownOf(t, rec)
	o := outlineOf(t, file)
	assert.Empty(t, o.odd)
	rows := o.tables[len(o.tables)-1][1:]
	assert.Greater(t, len(rows), 10)
	for _, row := range rows {
		assert.Len(t, row, 5)
	}
	assert.Contains(t, file, fmt.Sprintf("\nAnd %d more findings; results.json has them all.\n", len(findings(rec))-len(rows)))
	assert.Contains(t, file, "- and 481 more; results.json has them all\n")
}

// forMarkdown are strings that mean something there, beside the hostile ones.
var forMarkdown = []string{
	"@everyone", "#12", "!34", "www.example.com", "https://example.com/?a=b", "a@example.com", "![x](http://x)", "[x](javascript:alert(1))",
	"a|b", `a\|b`, `a\`, "`", "``", "`a``b`", " `a ", "*a* _b_ ~~c~~", "<!-- a", "--> <b>", "# a", "- a", "1. a", "> a", "    a", "- [ ] a", "|---|", "$`x`$", "/close", "a\n\n# b", "&copy;", "\\", "  ",
}

func TestMarkdownOfHostileStrings(t *testing.T) {
	strange := forMarkdown
	for _, s := range hostile {
		strange = append(strange, s)
	}
	for _, s := range strange {
		t.Run(s, func(t *testing.T) {
			file := markdownOf(t, hostileRecord(s))
			assert.Equal(t, harmlessText(file), file)
			o := outlineOf(t, file)
			assert.Empty(t, o.odd)
			assert.Len(t, o.headings, 4)
			assert.Equal(t, 2, o.items)
			for _, table := range o.tables {
				for _, row := range table {
					assert.Len(t, row, len(table[0]))
				}
			}
		})
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range forMarkdown {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o := outlineOf(t, markdownOf(t, hostileRecord(s)))
		assert.Empty(t, o.odd)
		assert.Len(t, o.headings, 4)
	})
}
