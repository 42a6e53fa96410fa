package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// writeWrapped breaks a text between words, and a word that is longer than a
// line within it. Every line is indented.
func writeWrapped(w io.Writer, opt Options, indent, s string) {
	room := max(opt.width()-twwidth.Width(indent), 1)
	for _, l := range wrap(strings.Fields(s), room) {
		fmt.Fprintln(w, indent+l)
	}
}

// writeList breaks between items only, where their length allows it.
func writeList(w io.Writer, opt Options, label string, items []string) {
	words := strings.Fields(label)
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		words = append(words, item)
	}
	for _, l := range wrap(words, opt.width()) {
		fmt.Fprintln(w, l)
	}
}

func wrap(words []string, room int) []string {
	var lines []string
	current := ""
	for _, word := range words {
		for _, piece := range pieces(word, room) {
			switch {
			case current == "":
				current = piece
			case twwidth.Width(current)+1+twwidth.Width(piece) <= room:
				current += " " + piece
			default:
				lines = append(lines, current)
				current = piece
			}
		}
	}
	return append(lines, current)
}

// cut shortens a text to a width. twwidth.Truncate marks even a text that fits.
func cut(s string, width int) string {
	if twwidth.Width(s) <= width {
		return s
	}
	return twwidth.Truncate(s, width, "…")
}

// pieces cuts a word into what fits a line.
func pieces(word string, room int) []string {
	if twwidth.Width(word) <= room {
		return []string{word}
	}
	var out []string
	var b strings.Builder
	width := 0
	for _, r := range word {
		n := twwidth.Width(string(r))
		if width+n > room && width > 0 {
			out = append(out, b.String())
			b.Reset()
			width = 0
		}
		b.WriteRune(r)
		width += n
	}
	return append(out, b.String())
}
