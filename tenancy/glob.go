package tenancy

import "strings"

// matches holds a string against a glob whose * is any run of characters,
// none included; everything else is literal. Taking the leftmost place of each
// literal is enough, so the time is linear: no pattern can make it explode.
func matches(glob, s string) bool {
	first, rest, starred := strings.Cut(glob, "*")
	if !starred {
		return glob == s
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		_, s, ok = strings.Cut(s, part)
		if !ok {
			return false
		}
	}
	return strings.HasSuffix(s, last)
}
