package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

const outsideHosts = `internetHosts: ["203.0.113.10:80", "203.0.113.10:4444", "web.outside.example"], resolvers: [203.0.113.53], dohResolvers: [203.0.113.53], canaryZone: canary.example`

// Every way out is a leak where it is promised to be closed and open, and
// closes with the egress of its namespace.
func TestWaysOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	locked := w.tenants[0]
	w.promises = []string{"egress: {internet: denied, metadata: denied, kubeAPI: denied, kubelet: denied, " + outsideHosts + "}"}
	o := w.run("--suite", "egress")
	require.Equal(t, 1, o.exit, o.stderr)
	w.requireWays(o, func(r verdicts.Result) verdicts.Verdict { return verdicts.Leak })

	// To its own tenant, and to the resolver, by which a name still leaves.
	port := intstr.FromInt32(53)
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}},
		networkingv1.NetworkPolicyEgressRule{
			To:    []networkingv1.NetworkPolicyPeer{{NamespaceSelector: everyNamespace}},
			Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp, Port: &port}, {Protocol: &tcp, Port: &port}},
		})
	o = w.run("--suite", "egress")
	w.requireWays(o, func(r verdicts.Result) verdicts.Verdict {
		if r.From.Tenant == locked && r.Check != "exfiltration" {
			return verdicts.Unreached
		}
		return verdicts.Leak
	})
	require.Equal(t, 1, o.exit, o.stderr)

	// Without the resolver no name is of use to it, and addresses are still tried.
	require.NoError(t, lab.admin.NetworkingV1().NetworkPolicies(w.spaces[locked][0]).Delete(context.Background(), "egress", metav1.DeleteOptions{}))
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	o = w.run("--suite", "egress")
	w.requireWays(o, func(r verdicts.Result) verdicts.Verdict {
		switch {
		case r.From.Tenant != locked:
			return verdicts.Leak
		case r.Address == suites.ByName:
			return verdicts.Skipped
		}
		return verdicts.Unreached
	})

	w.promises = []string{"egress: {internet: allowed, metadata: allowed, kubeAPI: allowed, kubelet: allowed, allowedHosts: [files.outside.example], " + outsideHosts + "}"}
	o = w.run("--suite", "egress")
	w.requireWays(o, func(r verdicts.Result) verdicts.Verdict {
		if contains(r.Check, "metadata") && r.Outside != "169.254.169.254" { // other names for what is allowed anyway
			return verdicts.Skipped
		}
		if r.From.Tenant == locked && r.Outcome == probes.Error { // its resolver did not answer, which breaks nothing by itself
			return verdicts.Inconclusive
		}
		if r.From.Tenant == locked {
			return verdicts.Broken
		}
		return verdicts.Allowed
	})
	w.requireClean()
}

// A source that reaches nothing at all meets no wall that it could be told by,
// whatever it tries, a question by HTTPS or another spelling among it.
func TestWaysOutOfWhatIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	cut := w.tenants[0]
	w.promises = []string{"egress: {internet: denied, metadata: denied, kubeAPI: denied, kubelet: denied, " + outsideHosts + "}"}
	w.closeEgress(cut)
	o := w.run("--suite", "egress")
	require.Equal(t, 1, o.exit, o.stderr)
	for _, r := range o.record.Results {
		switch {
		case r.From.Tenant != cut:
		case r.Address == suites.ByName && r.Verdict == verdicts.Skipped:
		case contains(r.ID, "fd00:ec2::254"), r.Check == "node-ports":
			require.Equal(t, verdicts.Skipped, r.Verdict, "%s: %s", r.ID, r.Why)
		default:
			require.Equal(t, verdicts.Inconclusive, r.Verdict, "%s: %s", r.ID, r.Why)
		}
	}
	w.requireClean()
}

// requireWays holds the ways out against what they ought to be. What no
// cluster of this kind has, as a kubelet's port without authentication, can only
// be out of reach, and without IPv6 there is no metadata service by it. Of the
// ports of the nodes nothing is promised.
func (w *world) requireWays(o outcome, want want) {
	w.t.Helper()
	require.NotEmpty(w.t, o.record.Results)
	for _, r := range o.record.Results {
		if contains(r.ID, "fd00:ec2::254") || r.Check == "node-ports" {
			require.Equal(w.t, verdicts.Skipped, r.Verdict, "%s: %s", r.ID, r.Why)
			continue
		}
		if r.Port == 10255 {
			require.Contains(w.t, []verdicts.Verdict{verdicts.Unreached, verdicts.Broken}, r.Verdict, "%s: %s", r.ID, r.Why)
			continue
		}
		require.Equal(w.t, want(r), r.Verdict, "%s: %s", r.ID, r.Why)
	}
}
