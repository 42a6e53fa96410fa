package cli

import (
	"strings"
	"testing"

	"github.com/partywall/partywall/lab/state"
)

func TestLabKeepsItsProfile(t *testing.T) {
	tests := []struct {
		name   string
		status Status
		want   string
	}{
		{"the same", Status{State: stateUp, Profile: state.Mesh}, ""},
		{"another", Status{Name: "a", State: stateUp, Profile: state.Default}, "lab a is up with the profile default, and not mesh: take it down first"},
		{"another that is broken", Status{State: stateBroken, Profile: state.Default}, ""},
		{"none", Status{State: stateDown}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.status.refuses(state.Mesh)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
