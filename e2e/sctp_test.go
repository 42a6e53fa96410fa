package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// A kernel without SCTP, which the lab's is, makes no finding of it, be the
// wall up or down; and a run that tried nothing else tried nothing.
func TestSCTPWhereTheKernelHasNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	for _, mutate := range []func(){func() {}, func() { w.deletePolicy(w.tenants[0]) }} {
		mutate()
		o := w.run("--check", "sctp")
		require.Len(t, o.record.Results, 2*2*3)
		for _, r := range o.record.Results {
			if !noSCTP(r) {
				require.NotEqual(t, verdicts.Skipped, r.Verdict, "%s: %s", r.ID, r.Why)
				t.Skip("this kernel has SCTP")
			}
			require.Contains(t, r.Why, "nothing listens for SCTP on node ")
		}
		require.Equal(t, 3, o.exit, o.stderr)
		require.Equal(t, []string{"all of the attempts (12) were skipped: nothing was tried"}, o.record.Summary.NotRun[:1])
		require.Zero(t, o.record.Summary.Sensitivity.Controls, "nothing is sent for it")
		w.requireClean()
	}
}
