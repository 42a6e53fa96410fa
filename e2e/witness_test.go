package e2e

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/verdicts"
)

const (
	witnessAddress = "203.0.113.30"
	outsideServer  = "https://10.66.0.1:6443" // the API server, as the outside reaches it
)

// outsider is a witness in the lab's outside.
type outsider struct {
	t       *testing.T
	key     string
	listen  string
	control string
	process *exec.Cmd
}

func newOutsider(t *testing.T, listen, control string) *outsider {
	t.Helper()
	var key [32]byte
	_, _ = rand.Read(key[:])
	o := &outsider{t: t, key: filepath.Join(t.TempDir(), "witness.key"), listen: listen, control: witnessAddress + ":" + control}
	require.NoError(t, os.WriteFile(o.key, []byte(base64.StdEncoding.EncodeToString(key[:])+"\n"), 0o600))
	t.Cleanup(o.kill)
	return o
}

// outside makes a command one that is run where the outside's hosts are.
func outside(c *exec.Cmd) *exec.Cmd {
	c.Args = append([]string{"nsenter", "--net=" + lab.netns, "--", c.Path}, c.Args[1:]...)
	c.Path, _ = exec.LookPath("nsenter") // an empty one fails where it is run
	return c
}

// start brings the witness up, and returns once it listens.
func (o *outsider) start() {
	o.t.Helper()
	o.process = outside(exec.Command(lab.binary, "witness", "--key", o.key, "--host", witnessAddress, "--listen", o.listen, "--control", o.control))
	said, err := o.process.StderrPipe()
	require.NoError(o.t, err)
	require.NoError(o.t, o.process.Start())
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(o.t, err)
	require.Contains(o.t, line, "is asked on "+o.control)
}

func (o *outsider) kill() {
	if o.process == nil {
		return
	}
	_ = o.process.Process.Kill()
	_ = o.process.Wait()
	o.process = nil
}

// promise is what the tenancy file says of it.
func (o *outsider) promise(more string) string {
	return "egress: {internet: denied, witness: {address: " + witnessAddress + ", control: '" + o.control + "', ports: [" + o.listen + "]" + more + "}}"
}

// command makes a run from outside that tries the witness.
func (w *world) outsideCommand(o *outsider) (*exec.Cmd, string) {
	w.t.Helper()
	kubeconfig := filepath.Join(w.dir, "outside")
	require.NoError(w.t, writeKubeconfig(kubeconfig, lab.runner, outsideServer))
	c, out := w.command(kubeconfig, "--suite", "egress", "--only", "egress/witness-*", "--witness-key", o.key)
	return outside(c), out
}

func (w *world) runOutside(o *outsider) outcome {
	w.t.Helper()
	c, out := w.outsideCommand(o)
	return w.complete(c, out)
}

func (w *world) requireWitnessed(o outcome, want func(verdicts.Result) verdicts.Verdict) {
	w.t.Helper()
	require.NotEmpty(w.t, o.record.Results)
	for _, r := range o.record.Results {
		require.Equal(w.t, want(r), r.Verdict, "%s: %s", r.ID, r.Why)
		require.Equal(w.t, verdicts.TwoSided, r.Grade)
		for _, round := range r.Evidence.Rounds {
			if r.Verdict == verdicts.Isolated {
				require.Zero(w.t, round.Receipts, r.ID)
			}
			if r.Verdict == verdicts.Leak {
				require.NotZero(w.t, round.Receipts, r.ID)
			}
		}
	}
}

// dropAnswers keeps what the witness says by UDP from every pod, so that what
// goes out shows by its arrival alone.
func dropAnswers(t *testing.T, port string) {
	t.Helper()
	rule := []string{"OUTPUT", "-s", witnessAddress, "-p", "udp", "--sport", port, "-d", "10.244.0.0/16", "-j", "DROP"}
	table := func(act string) error {
		return outside(exec.Command("iptables", append([]string{"-w", act}, rule...)...)).Run()
	}
	require.NoError(t, table("-A"))
	t.Cleanup(func() { _ = table("-D") })
}

// What leaves shows where it arrives, also where no answer comes back; and what
// does not leave is isolated, beside somebody whom the witness answers.
func TestAWitnessSeesWhatLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	locked, open, trusted := w.tenants[0], w.tenants[1], w.tenants[2]
	witness := newOutsider(t, "http/80,tls/443,tcp/4444,udp/4444,dns/53", "9443")
	witness.start()
	dns := intstr.FromInt32(53)
	own := networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}}
	resolver := networkingv1.NetworkPolicyEgressRule{
		To:    []networkingv1.NetworkPolicyPeer{{NamespaceSelector: everyNamespace}},
		Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp, Port: &dns}, {Protocol: &tcp, Port: &dns}},
	}
	w.closeEgress(locked, own, resolver)

	w.promises = []string{witness.promise(", zone: seen.example, tenants: [" + trusted + "]")}
	o := w.runOutside(witness)
	w.requireWitnessed(o, func(r verdicts.Result) verdicts.Verdict {
		switch {
		case r.Check == "witness-exfiltration", r.From.Tenant == open:
			return verdicts.Leak
		case r.From.Tenant == trusted:
			return verdicts.Allowed
		}
		require.Equal(t, verdicts.RungCrossing, r.Evidence.Rounds[0].Control.Rung, r.ID)
		return verdicts.Isolated
	})
	require.Equal(t, 1, o.exit, o.stderr)

	// A hole for one port, through which nothing comes back.
	hole := intstr.FromInt32(4444)
	w.openEgress(locked, own, networkingv1.NetworkPolicyEgressRule{
		To:    []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: witnessAddress + "/32"}}},
		Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp, Port: &hole}},
	})
	dropAnswers(t, "4444")
	w.promises = []string{witness.promise("")}
	o = w.runOutside(witness)
	w.requireWitnessed(o, func(r verdicts.Result) verdicts.Verdict {
		if r.Check == "witness-udp" {
			require.Equal(t, probes.Received, r.Outcome, r.ID)
			return verdicts.Leak
		}
		if r.From.Tenant == locked {
			require.Equal(t, verdicts.RungRunner, r.Evidence.Rounds[0].Control.Rung, r.ID)
			return verdicts.Unreached
		}
		return verdicts.Leak
	})

	// Closed again, without a resolver either: not even a name gets out.
	w.openEgress(locked, own)
	w.promises = []string{witness.promise(", zone: seen.example")}
	o = w.runOutside(witness)
	w.requireWitnessed(o, func(r verdicts.Result) verdicts.Verdict {
		if r.From.Tenant == locked {
			return verdicts.Unreached
		}
		return verdicts.Leak
	})
	w.requireClean()
}

// openEgress puts other rules in the place of those that close a tenant's egress.
func (w *world) openEgress(tenant string, rules ...networkingv1.NetworkPolicyEgressRule) {
	w.t.Helper()
	require.NoError(w.t, lab.admin.NetworkingV1().NetworkPolicies(w.spaces[tenant][0]).Delete(context.Background(), "egress", metav1.DeleteOptions{}))
	w.closeEgress(tenant, rules...)
}

// Without its witness a run shows no wall, and says why; an answer that the
// witness signed is a leak whatever else is missing.
func TestWithoutItsWitnessNothingIsIsolated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	locked := w.tenants[0]
	witness := newOutsider(t, "http/8080,tcp/5444,udp/5444", "9444")
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	w.promises = []string{witness.promise("")}
	nothing := func(r verdicts.Result) verdicts.Verdict { return verdicts.Inconclusive }

	// It was never there.
	o := w.runOutside(witness)
	w.requireWitnessed(o, nothing)
	require.Equal(t, 3, o.exit, o.stderr)
	require.Contains(t, strings.Join(o.record.Summary.Notes, "\n"), "the witness cannot be asked what arrives")

	leaks := func(r verdicts.Result) verdicts.Verdict {
		if r.From.Tenant == locked {
			return verdicts.Inconclusive
		}
		return verdicts.Leak
	}
	for _, fault := range []struct {
		name string
		do   func()
	}{
		{"it ends in the middle", witness.kill},
		{"it starts anew in the middle", func() { witness.kill(); witness.start() }},
	} {
		witness.kill()
		witness.start()
		c, out := w.outsideCommand(witness)
		c.Stderr = when("round 2 of 2: controls before", fault.do)
		o := w.complete(c, out)
		for _, r := range o.record.Results {
			require.Equal(t, leaks(r), r.Verdict, "%s: %s: %s", fault.name, r.ID, r.Why)
		}
	}
	w.requireClean()
}

// when acts once, as soon as what is written holds a text.
func when(text string, do func()) io.Writer {
	return &trigger{text: text, do: sync.OnceFunc(do)}
}

type trigger struct {
	text string
	do   func()
	seen strings.Builder
}

func (t *trigger) Write(p []byte) (int, error) {
	t.seen.Write(p)
	if strings.Contains(t.seen.String(), t.text) {
		t.do()
	}
	return len(p), nil
}
