package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/partywall/partywall/verdicts"
)

// Plain Kubernetes tells everybody everybody's names; a tenant that may not ask
// is not told. What was promised decides over the exit code.
func TestNamesAreToldToWhoeverMayAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	locked := w.tenants[0]
	// The cluster's own resolver stands for one outside that knows the cluster's names.
	elsewhere := "egress: {resolvers: [10.96.0.10]}"
	w.promises = []string{elsewhere}
	o := w.run("--suite", "dns")
	require.Equal(t, 0, o.exit, o.stderr)
	counts := map[string]map[verdicts.Verdict]int{}
	for _, r := range o.record.Results {
		if counts[r.Check] == nil {
			counts[r.Check] = map[verdicts.Verdict]int{}
		}
		counts[r.Check][r.Verdict]++
		require.Equal(t, "medium", r.Severity)
	}
	pairs := 10 // three tenants of one namespace each, the last of two
	for _, check := range []string{"service", "service-tcp", "srv", "headless", "pod-record", "reverse", "mixed-case", "outside-resolver"} {
		require.Equal(t, map[verdicts.Verdict]int{verdicts.Leak: pairs}, counts[check], check)
	}
	require.Equal(t, map[verdicts.Verdict]int{verdicts.Leak: 4}, counts["sweep"], "one a namespace")

	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	w.promises = []string{"dns: hidden", elsewhere}
	o = w.run("--suite", "dns")
	require.Equal(t, 1, o.exit, o.stderr)
	for _, r := range o.record.Results {
		switch {
		case (r.Check == "wildcard" || r.Check == "search") && r.To.Tenant == locked: // which cannot ask for its own
			require.Equal(t, verdicts.Inconclusive, r.Verdict, "%s: %s", r.ID, r.Why)
		case r.Check == "wildcard" || r.Check == "search":
			require.Equal(t, verdicts.Skipped, r.Verdict, "%s: %s", r.ID, r.Why)
		case r.From.Tenant == locked:
			require.Equal(t, verdicts.Unreached, r.Verdict, "%s: %s", r.ID, r.Why)
		case r.To.Tenant == locked:
			require.Equal(t, verdicts.Leak, r.Verdict, "%s: %s", r.ID, r.Why)
		default:
			require.True(t, r.Verdict == verdicts.Leak && r.Fails, "%s: %s", r.ID, r.Why)
		}
	}
	w.requireClean()
}
