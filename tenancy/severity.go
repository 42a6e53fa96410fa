package tenancy

import (
	"errors"
	"slices"
	"strconv"
)

// severities are their words, in their order.
var severities = []string{"info", "low", "medium", "high", "critical"}

// String is the severity's word.
func (s Severity) String() string {
	if s < Info || s > Critical {
		return "severity(" + strconv.Itoa(int(s)) + ")"
	}
	return severities[s]
}

// Down is one severity lower, and Info at the least.
func (s Severity) Down() Severity { return max(s-1, Info) }

// ParseSeverity reads a severity's word.
func ParseSeverity(word string) (Severity, error) {
	i := slices.Index(severities, word)
	if i < 0 {
		return 0, errors.New(unknown("severity", word, severities))
	}
	return Severity(i), nil
}
