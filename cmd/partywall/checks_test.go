package main

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/reports/controls"
)

// registered are the checks that there are.
func registered() []string {
	var checks []string
	for _, s := range registry() {
		for _, check := range s.Checks() {
			checks = append(checks, s.Name()+"/"+check)
		}
	}
	return checks
}

func TestEveryCheckIsDescribedInReports(t *testing.T) {
	assert.ElementsMatch(t, registered(), reports.DescribedChecks())
}

// supporting are the checks that each clause names.
func supporting(t *testing.T) map[string][]string {
	t.Helper()
	all, err := controls.All()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	by := map[string][]string{}
	for _, f := range all {
		require.NotEmpty(t, f.Clauses, f.ID)
		seen := map[string]bool{}
		for _, c := range f.Clauses {
			where := f.ID + " " + c.ID
			assert.NotEmpty(t, c.About, where)
			assert.NotEmpty(t, c.Cadence, where)
			assert.False(t, seen[c.ID], where)
			seen[c.ID] = true
			by[where] = c.Checks
		}
	}
	return by
}

func TestControlsNameChecksThatThereAre(t *testing.T) {
	for where, patterns := range supporting(t) {
		for _, pattern := range patterns {
			one := controls.Clause{Checks: []string{pattern}}
			assert.True(t, slices.ContainsFunc(registered(), one.Supports), "%s: %s matches no check", where, pattern)
		}
	}
}

// supportsNothing are the checks that support no clause. There are none.
var supportsNothing []string

func TestEveryCheckSupportsAClauseOrIsSaidNotTo(t *testing.T) {
	var idle []string
	for _, check := range registered() {
		used := false
		for _, patterns := range supporting(t) {
			used = used || controls.Clause{Checks: patterns}.Supports(check)
		}
		if !used {
			idle = append(idle, check)
		}
	}
	assert.ElementsMatch(t, supportsNothing, idle)
}

// TestControlsNeverSayThatTheySatisfy: that is an auditor's to say.
func TestControlsNeverSayThatTheySatisfy(t *testing.T) {
	all, err := controls.All()
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, printControls(&b, all))
	assert.NotRegexp(t, "(?i)satisf|complian(t|ce with (PCI|SOC|ISO|HIPAA))|certif", b.String())
	assert.Contains(t, b.String(), "not covered")
}
