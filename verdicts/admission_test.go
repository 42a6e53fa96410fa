package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/suites"
)

// A question to admission goes by no probe: what no probe showed is no doubt of
// it, and it shows nothing for what goes by probes.
func TestOnlyAdmissionStandsWithoutControlsOfProbes(t *testing.T) {
	for address, want := range map[suites.Address]Verdict{suites.DryRun: Isolated, suites.PodIP: Inconclusive} {
		r := Result{Verdict: Isolated, Address: address}
		Sensitivity{}.Hold(&r)
		assert.Equal(t, want, r.Verdict, address)
	}
}
