package tenancy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxSize bounds a tenancy file, in bytes.
const MaxSize = 1 << 20

// maxLocating bounds the bytes that are parsed again to find the line of a
// syntax error.
const maxLocating = 8 << 20

// document reads the single YAML document of a file. It returns nothing where
// what it recorded leaves nothing to look at.
func document(data []byte, p *problems) *yaml.Node {
	if len(data) > MaxSize {
		p.add(position{1, 1}, "larger than %d bytes, which is the most a tenancy file may have", MaxSize)
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at, what := unreadable(data); what != "" {
		p.add(at, "%s", what)
		return nil
	}
	source := &lines{rest: data}
	decoder := yaml.NewDecoder(source)
	var first, second yaml.Node
	switch err := decode(decoder, &first); {
	case errors.Is(err, io.EOF), err == nil && isNull(first.Content[0]):
		p.add(position{1, 1}, `empty; a tenancy starts with "apiVersion: %s"`, apiVersion)
		return nil
	case err != nil:
		addSyntax(p, data, source.delivered, err)
		return nil
	}
	switch err := decode(decoder, &second); {
	case err == nil:
		p.add(positionOf(&second), "a second document; a file states one tenancy")
	case !errors.Is(err, io.EOF):
		addSyntax(p, data, source.delivered, err)
	}
	return first.Content[0]
}

// decode reads a document. The parser panics on some malformed input; that is
// a fault of the file to whoever wrote it.
func decode(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	return d.Decode(n)
}

// lines delivers a line a read, so that the number of them is close to where
// the parser stopped.
type lines struct {
	rest      []byte
	delivered int
}

func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		return 0, io.EOF
	}
	end := bytes.IndexByte(l.rest, '\n') + 1
	if end == 0 {
		end = len(l.rest)
	}
	n := copy(p, l.rest[:end])
	if n == end {
		l.delivered++
	}
	l.rest = l.rest[n:]
	return n, nil
}

// yamlPrefix is how the parser begins its messages. Its line is often wrong by
// one, or that of the start of the block.
var yamlPrefix = regexp.MustCompile(`^(yaml: )?(line \d+: )?`)

// addSyntax records that the file is no YAML, and where. The parser reads
// ahead, so the line is the first of those before it stopped after which the
// file can no longer be parsed.
func addSyntax(p *problems, data []byte, delivered int, err error) {
	all := bytes.SplitAfter(data, []byte("\n"))
	line := max(1, min(delivered, len(all)))
	for budget := maxLocating; line > 1 && budget > 0; line-- {
		head := bytes.Join(all[:line-1], nil)
		if parses(head) {
			break
		}
		budget -= len(head)
	}
	text := string(all[line-1])
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	message := yamlPrefix.ReplaceAllString(err.Error(), "")
	p.add(position{line, indent + 1}, "not YAML: %s%s", message, syntaxHint(text[:indent], message))
}

func parses(data []byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		if err := decode(decoder, &n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func syntaxHint(indent, message string) string {
	switch {
	case strings.Contains(indent, "\t"):
		return "; indent with spaces, not tabs"
	case strings.HasPrefix(message, "unknown anchor"), strings.HasPrefix(message, "did not find expected alphabetic"):
		return "; put a value that starts with * in quotes"
	}
	return ""
}

// unreadable finds the first character that YAML cannot hold.
func unreadable(data []byte) (position, string) {
	at := position{1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return at, fmt.Sprintf("byte %#02x is not UTF-8", data[0])
		case !readable(r):
			return at, fmt.Sprintf("character %U is not allowed in YAML", r)
		case r == '\n':
			at = position{at.line + 1, 1}
		default:
			at.column++
		}
		data = data[size:]
	}
	return position{}, ""
}

// readable is the set of characters of the YAML specification, 5.1.
func readable(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}
