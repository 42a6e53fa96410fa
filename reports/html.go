package reports

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"golang.org/x/net/html"

	"github.com/partywall/partywall/reports/controls"
	"github.com/partywall/partywall/verdicts"
)

// HTML is a page for people: one file that asks for nothing else, by which
// somebody who was not there can see what was tried, what came of it, and what
// it rests on.
type HTML struct {
	Framework *controls.Framework // whose clauses have a section; nil for none
}

// generator is how a page says whose it is.
const generator = "Partywall report"

//go:embed html
var assets embed.FS

// scripts are the parts of the page's program, in order.
var scripts = []string{"data.js", "map.js", "detail.js", "pairs.js", "page.js"}

var pageTemplate = template.Must(template.New("page.html.tmpl").Funcs(template.FuncMap{"line": line, "word": word, "plural": plural}).
	ParseFS(assets, "html/*.tmpl"))

// Name is "html".
func (HTML) Name() string { return "html" }

// Write writes the page.
func (h HTML) Write(w io.Writer, rec *verdicts.Record) error {
	p, err := newPage(rec, h.Framework)
	if err != nil {
		return err
	}
	return pageTemplate.Execute(w, p)
}

// Wrote looks for the page's generator.
func (HTML) Wrote(r io.Reader) bool { return generatorOf(r) == generator }

// generatorOf is whose a page says that it is.
func generatorOf(r io.Reader) string {
	tokens := html.NewTokenizer(r)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			t := tokens.Token()
			if t.Data == "body" {
				return ""
			}
			if t.Data == "meta" && attribute(t, "name") == "generator" {
				return attribute(t, "content")
			}
		}
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// inline is what stands in the page itself, and by what the page's policy knows
// it: nothing else is run, and nothing is fetched.
type inline struct{ text, hash string }

func newInline(names ...string) inline {
	var b strings.Builder
	for _, name := range names {
		text, err := assets.ReadFile("html/" + name)
		if err != nil {
			panic(err) // it is in the program
		}
		b.Write(text)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return inline{b.String(), "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"}
}

var (
	style  = newInline("style.css")
	script = newInline(scripts...)
)

// Policy is the page's content security policy.
func (page) Policy() string {
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		style.hash, script.hash)
}

// Style is the page's own, which nobody else has a say in.
func (page) Style() template.CSS { return template.CSS(style.text) }

// Script is the page's own, likewise.
func (page) Script() template.JS { return template.JS(script.text) }

// Generator is how a page says whose it is.
func (page) Generator() string { return generator }
