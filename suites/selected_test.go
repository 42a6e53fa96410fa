package suites

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSelectionOfReadsWhatFlagsWrote(t *testing.T) {
	for name, want := range map[string]Selection{
		"everything": {},
		"all of it": {
			Suites: []string{"network"}, Checks: []string{"udp", "tcp"}, Tenants: []string{"acme", "globex"}, Placement: SameNode,
			Only: []string{"network/*/a=b->*"}, Sample: Sample{Size: 100, Seed: 1 << 63},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := SelectionOf(want.Flags())
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestSelectionOfRefusesWhatItDoesNotKnow(t *testing.T) {
	for flag, want := range map[string]string{
		"--layer=mesh":  `the filter "--layer=mesh" is none that this version knows`,
		"--sample=many": `the filter "--sample=many": strconv.Atoi`,
		"--seed=-1":     `the filter "--seed=-1": strconv.ParseUint`,
	} {
		_, err := SelectionOf([]string{flag})
		assert.ErrorContains(t, err, want)
	}
}

func TestMayLeaveOutWhatTheFlagsDoNotSelect(t *testing.T) {
	a := Attempt{Suite: "network", Check: "udp", From: Place{Tenant: "acme"}, To: Place{Tenant: "globex"}, Placement: SameNode}
	const id = "network/udp/acme.web->globex.api/target-0/pod-ip:9053/same-node/bare"
	for name, tc := range map[string]struct {
		selection Selection
		want      bool
	}{
		"nothing is left out":   {Selection{}, false},
		"its suite":             {Selection{Suites: []string{"network"}}, false},
		"another suite":         {Selection{Suites: []string{"dns"}}, true},
		"another check":         {Selection{Checks: []string{"tcp"}}, true},
		"its target":            {Selection{Tenants: []string{"globex"}}, false},
		"other tenants":         {Selection{Tenants: []string{"initech"}}, true},
		"another placement":     {Selection{Placement: CrossNode}, true},
		"named":                 {Selection{Only: []string{"network/tcp/*", "network/udp/acme.*"}}, false},
		"not named":             {Selection{Only: []string{"network/tcp/*"}}, true},
		"perhaps drawn by lot":  {Selection{Sample: Sample{Size: 5}}, true},
		"by one of two reasons": {Selection{Checks: []string{"udp"}, Placement: CrossNode}, true},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, tc.selection.MayLeaveOut(id, a))
		})
	}
}
