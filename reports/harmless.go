package reports

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Harmless makes a string that somebody else chose safe to print on one line
// of a terminal: control characters (and with them every escape sequence),
// marks that change the direction of text or are not to be seen, and bytes
// that are no UTF-8 become visible escapes such as \x1b and \u202e.
func Harmless(s string) string { return escape(s, dangerous) }

// harmlessText is Harmless for text of several lines, which keeps its line
// ends and tabs.
func harmlessText(s string) string {
	return escape(s, func(r rune) bool { return r != '\n' && r != '\t' && dangerous(r) })
}

// escape replaces what is unsafe, and what is not UTF-8, by visible escapes.
func escape(s string, unsafe func(rune) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unsafe(r):
			b.WriteString(visible(r))
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// dangerous says whether a terminal or a reader could be misled by the rune.
// The format characters hold the bidirectional overrides and isolates and the
// zero-width ones, by which a name can be made to read as another. The line
// separators are taken for a new line by some logs. Noncharacters (U+FFFE and
// the like) are what XML does not allow.
func dangerous(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' ||
		r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

func visible(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}

// bounded cuts a string that is longer than max bytes, on the border of a
// rune, and says how much is gone. It runs before the escapes are made, so
// that a huge string costs nothing.
func bounded(s string, max int) string {
	if len(s) <= max {
		return s
	}
	cut := max
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d more bytes)", s[:cut], len(s)-cut)
}
