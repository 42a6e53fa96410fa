package tenancy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxCandidates = 500 // beyond it no nearest one is looked for
	maxShown      = 14  // valid values that a message spells out
	maxQuoted     = 80  // characters of a value that a message repeats
)

// unknown says that a value is none of the valid ones, and which it may have
// been meant to be.
func unknown(what, value string, valid []string) string {
	return fmt.Sprintf("unknown %s %s%s", what, quote(value), hint(value, valid))
}

// hint ends a message with the nearest valid value, or with all of them.
func hint(value string, valid []string) string {
	if near := nearest(value, valid); near != "" {
		return didYouMean(near)
	}
	if len(valid) == 0 {
		return ""
	}
	shown := make([]string, 0, maxShown)
	for _, v := range valid[:min(len(valid), maxShown)] {
		shown = append(shown, quote(v))
	}
	more := ""
	if rest := len(valid) - len(shown); rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	return "; valid: " + strings.Join(shown, ", ") + more
}

func didYouMean(value string) string { return "; did you mean " + quote(value) + "?" }

// quote repeats a value of the file so that it cannot reach a terminal raw,
// nor flood it.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return fmt.Sprintf("%q", s)
	}
	cut := maxQuoted
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q...", s[:cut])
}

// nearest returns the valid value that a typing slip away gives this one, or
// nothing. Of equals it takes the first.
func nearest(value string, valid []string) string {
	if len(valid) > maxCandidates || len(value) > maxQuoted {
		return ""
	}
	value = strings.ToLower(value)
	best, least := "", 1+max(1, len(value)/3)
	for _, v := range valid {
		if d := distance([]rune(value), []rune(strings.ToLower(v)), least); d < least {
			best, least = v, d
		}
	}
	return best
}

// distance counts the letters to add, drop, change or swap with the next one
// to turn a into b. It is any number not under limit once it cannot be less.
func distance(a, b []rune, limit int) int {
	if max(len(a), len(b))-min(len(a), len(b)) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		if min(slices.Min(row), slices.Min(last)) >= limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
