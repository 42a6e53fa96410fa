package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/tenancy"
)

func TestIndentKeepsErrorsApartAndHarmless(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"one line", "no", "no"},
		{"two errors", "first\nsecond", "first\n  second"},
		{"a list", "nothing:\n  a\n  b", "nothing:\n  a\n  b"},
		{"deeper", "a\n    b", "a\n    b"},
		{"control characters", "a\x1b[2J\nb\u202e\rc", `a\x1b[2J` + "\n" + `  b\u202e\rc`},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, indent(tt.in)) })
	}
}

func TestSayPutsPlacesFirst(t *testing.T) {
	var out bytes.Buffer
	say(&out, "partywall", cannotRun(tenancy.Errors{
		{Path: "t.yaml", Line: 3, Column: 9, Message: "bad"},
		{Path: "x\x1b.yaml", Message: "worse"},
		{Message: "no tenant"},
	}))
	assert.Equal(t, "t.yaml:3:9: bad\nx\\x1b.yaml: worse\npartywall: no tenant\n", out.String())
}

func TestEndGivesTheExitCode(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		code int
		said string
	}{
		{"all well", context.Background(), nil, 0, ""},
		{"a verdict was said already", context.Background(), &exit{code: 1}, 1, ""},
		{"usage", context.Background(), errors.New("unknown flag"), 2, "partywall: unknown flag\n"},
		{"a bad file, found late", context.Background(), cannotRun(tenancy.Errors{{Path: "t", Message: "bad"}}), 2, "t: bad\n"},
		{"no cluster", context.Background(), fmt.Errorf("x: %w", cannotRun(errors.New("no"))), 4, "partywall: no\n"},
		{"interrupted", gone, fmt.Errorf("listing: %w", context.Canceled), 4, "partywall: interrupted\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var said bytes.Buffer
			a := &app{name: "partywall", streams: streams{err: &said}}
			assert.Equal(t, tt.code, a.end(tt.ctx, tt.err))
			assert.Equal(t, tt.said, said.String())
		})
	}
}
