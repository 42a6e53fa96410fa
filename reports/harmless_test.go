package reports

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

// hostile are strings that a tenant could put into a name, a label or a body.
var hostile = map[string]string{
	"ANSI colour":        "\x1b[31mred\x1b[0m",
	"window title":       "\x1b]0;owned\x07",
	"C1 control":         "\u009b31m and \u0085",
	"DEL":                "a\x7fb",
	"cdata end":          "]]><failure/>",
	"entity":             "&lt; &#27; &bogus;",
	"script":             `<script>alert("x")</script>`,
	"NUL":                "a\x00b",
	"lone surrogate":     "a\xed\xa0\x80b",
	"invalid UTF-8":      "a\xff\xfeb\xc3",
	"right to left":      "abc\u202egnp.exe\u2066\u200f",
	"zero width":         "ac\u200bme\ufeff",
	"noncharacter":       "a\ufffeb\uffffc\U0001ffff",
	"line separator":     "a\u2028b",
	"line ends":          "a\r\nb\rc\nd",
	"emoji":              "🧱 wall",
	"wide":               "租户一",
	"quotes":             `'"` + "`",
	"empty":              "",
	"a long one":         strings.Repeat("long-", 4000),
	"replacement itself": "a\ufffdb",
}

func TestHarmless(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":         {"acme", "acme"},
		"escape":        {"\x1b[31m", `\x1b[31m`},
		"C1":            {"\u009b", `\x9b`},
		"lines":         {"a\r\n\tb", `a\r\n\tb`},
		"direction":     {"\u202e", `\u202e`},
		"invisible":     {"a\u200bb", `a\u200bb`},
		"tag":           {"\U000e0041", `\U000e0041`},
		"invalid UTF-8": {"\xff", `\xff`},
		"surrogate":     {"\xed\xa0\x80", `\xed\xa0\x80`},
		"noncharacter":  {"\uffff", `\uffff`},
		"kept":          {"租户 é ✓ \ufffd", "租户 é ✓ \ufffd"},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, Harmless(c.in)) })
	}
}

func TestHarmlessTextKeepsItsLines(t *testing.T) {
	assert.Equal(t, "a\n\tb\\r\n\\x1b", harmlessText("a\n\tb\r\n\x1b"))
}

func TestBounded(t *testing.T) {
	assert.Equal(t, "abc", bounded("abc", 3))
	assert.Equal(t, "ab… (2 more bytes)", bounded("abcd", 2))
	assert.Equal(t, "a… (3 more bytes)", bounded("aé!", 2)[:len("a… (3 more bytes)")], "never within a rune")
}

func FuzzHarmless(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Harmless(s)
		assert.True(t, utf8.ValidString(out))
		assert.False(t, strings.ContainsFunc(out, dangerous), "%q", out)
		assert.Equal(t, out, Harmless(out), "what is harmless stays as it is")
	})
}
