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
	for _, check := range []string{"service", "service-tcp", "srv", "headless", "reverse"} {
		require.Equal(t, map[verdicts.Verdict]int{verdicts.Leak: pairs}, counts[check], check)
	}

	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	w.promises = []string{"dns: hidden"}
	o = w.run("--suite", "dns")
	require.Equal(t, 1, o.exit, o.stderr)
	for _, r := range o.record.Results {
		switch {
		case r.Check == "pod-record": // whether there are such is the cluster's to say
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
