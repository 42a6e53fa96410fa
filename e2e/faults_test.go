package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/verdicts"
)

// The phases of a run in which the tests strike.
const (
	warming  = "waiting for the controls to answer"
	before1  = "round 1 of 2: controls before"
	after1   = "round 1 of 2: controls after"
	before2  = "round 2 of 2: controls before"
	after2   = "round 2 of 2: controls after"
	removing = "removing the probes"
)

func (w *world) attempts(round int) string {
	return fmt.Sprintf("round %d of 2: %d attempts", round, w.size())
}

// faulty is a world in which the first tenant is open, and of which something
// breaks in the course of a run. Whatever that is, a cell is right, or nothing
// is claimed of it.
type faulty struct {
	*world
	open   string
	victim string // a tenant behind its wall
	ns     string // the victim's namespace
}

func newFaulty(t *testing.T) *faulty {
	w := newWorld(t, 3)
	w.deletePolicy(w.tenants[0])
	return &faulty{world: w, open: w.tenants[0], victim: w.tenants[1], ns: w.spaces[w.tenants[1]][0]}
}

func (f *faulty) truth(r verdicts.Result) verdicts.Verdict {
	if r.To.Tenant == f.open {
		return oneSided(r, verdicts.Leak)
	}
	return oneSided(r, verdicts.Isolated)
}

// knowledge is what may be known of a cell in spite of a fault.
type knowledge int

const (
	known    knowledge = iota // it is right
	doubtful                  // it is right, or inconclusive
	unknown                   // it is no proof of a wall
)

// run breaks the world in the phases that do names, and holds each cell
// against what may be known of it. A run ends by itself.
func (f *faulty) run(config *rest.Config, do map[string]func(), adjust func(*runner.Options), know func(verdicts.Result) knowledge) *runner.Outcome {
	f.t.Helper()
	ctx, start := f.context(), time.Now()
	results, evidence := f.inProcess(ctx, config, func(o *runner.Options) {
		o.Progress = strikes{f.t, do}
		adjust(o)
	})
	require.NoError(f.t, ctx.Err(), "the run did not end by itself")
	require.Len(f.t, results, f.size())
	counts, wrong := map[verdicts.Verdict]int{}, 0
	for _, r := range results {
		counts[r.Verdict]++
		truth, k := f.truth(r), know(r)
		if r.Verdict == truth && (k != unknown || truth == verdicts.Leak) || silent(r) && k != known {
			continue
		}
		if wrong++; wrong <= 10 {
			assert.Fail(f.t, "a cell is wrong", "%s: it is %s, but said to be %s: %s", r.ID, truth, r.Verdict, r.Why)
		}
	}
	require.Zero(f.t, wrong)
	f.t.Logf("%d cells: %v, in %s", len(results), counts, time.Since(start).Round(time.Second))
	require.Empty(f.t, evidence.Left)
	f.requireClean()
	return evidence
}

// silent says that nothing is claimed of a cell.
func silent(r verdicts.Result) bool {
	return r.Verdict == verdicts.Inconclusive || noSCTP(r) || r.Check == "icmp" && r.Verdict == verdicts.Skipped
}

func asItIs(*runner.Options) {}

// ofVictim knows nothing of what a probe of the victim's is the source or the
// target of, and doubts what else the victim's probes have a part in.
func (f *faulty) ofVictim(slot string) func(verdicts.Result) knowledge {
	return func(r verdicts.Result) knowledge {
		switch {
		case r.To.Namespace == f.ns && contains(r.To.Pod, slot), r.From.Namespace == f.ns && contains(r.From.Pod, slot):
			return unknown
		case r.To.Namespace == f.ns, r.From.Namespace == f.ns:
			return doubtful
		}
		return known
	}
}

// doubtVictim doubts what the victim has a part in.
func (f *faulty) doubtVictim(r verdicts.Result) knowledge {
	if r.To.Namespace == f.ns || r.From.Namespace == f.ns {
		return doubtful
	}
	return known
}

func allKnown(verdicts.Result) knowledge    { return known }
func allDoubtful(verdicts.Result) knowledge { return doubtful }

// A target that its kernel answers for, and nobody else, is no wall. Its own
// attempts are never made.
func TestDeafTargetIsNoWall(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	ofVictim := f.ofVictim("target-0")
	f.run(lab.runner, map[string]func(){
		f.attempts(2): func() { stop(t, process(t, f.probe(f.ns, "target-0"))) },
	}, asItIs, func(r verdicts.Result) knowledge {
		if k := ofVictim(r); k != unknown || r.Check != "icmp" || r.From.Namespace == f.ns {
			return k
		}
		return doubtful // an echo is the kernel's, which is not deaf
	})
}

// A target that is deaf just while it is tried hears of it later. What its
// kernel took in got through, though nobody was answered.
func TestTargetsThatAreDeafWhileTheyAreTried(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	nap := func() {
		for _, ns := range []string{f.ns, f.spaces[f.open][0]} {
			wake := stop(t, process(t, f.probe(ns, "target-0")))
			later(t, 4500*time.Millisecond, func() error { wake(); return nil }) // a deadline, and a little
		}
	}
	f.run(lab.runner, map[string]func(){f.attempts(1): nap, f.attempts(2): nap}, asItIs, func(r verdicts.Result) knowledge {
		if r.To.Tenant == f.open || r.To.Tenant == f.victim || r.From.Tenant == f.open || r.From.Tenant == f.victim {
			return doubtful
		}
		return known
	})
}

// A probe that is killed, as where its memory runs out, takes what it knew as
// a target with it, and what it was asked as a source.
func TestProbeKilledByItsNode(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		phase func(*faulty) string
		after time.Duration
	}{
		{"before the controls", func(*faulty) string { return before1 }, 0},
		{"amid its last attempts", func(f *faulty) string { return f.attempts(2) }, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFaulty(t)
			f.run(lab.runner, map[string]func(){tc.phase(f): func() {
				pid := process(t, f.probe(f.ns, "target-0"))
				later(t, tc.after, func() error { return syscall.Kill(pid, syscall.SIGKILL) })
			}}, asItIs, f.ofVictim("target-0"))
		})
	}
}

// A source whose memory runs out says nothing more, and proves nothing by that.
func TestSourceKilledOutOfMemory(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	var reason <-chan string
	f.run(lab.runner, map[string]func(){warming: func() {
		source := f.probe(f.ns, "source")
		reason = f.whyItEnds(source)
		starve(t, source)
	}}, asItIs, f.doubtVictim)
	require.Equal(t, "OOMKilled", <-reason)
}

// whyItEnds tells the reason for which a pod's container ended, once it has;
// nothing where the pod went without one.
func (f *faulty) whyItEnds(pod *corev1.Pod) <-chan string {
	watcher, err := lab.admin.CoreV1().Pods(pod.Namespace).Watch(f.context(), metav1.ListOptions{
		FieldSelector: "metadata.name=" + pod.Name, ResourceVersion: pod.ResourceVersion,
	})
	require.NoError(f.t, err)
	f.t.Cleanup(watcher.Stop)
	reason := make(chan string, 1)
	go func() {
		defer close(reason)
		for e := range watcher.ResultChan() {
			p, ok := e.Object.(*corev1.Pod)
			if !ok || e.Type == watch.Deleted {
				return
			}
			for _, s := range p.Status.ContainerStatuses {
				if s.State.Terminated != nil {
					reason <- s.State.Terminated.Reason
					return
				}
			}
		}
	}()
	return reason
}

// Clocks of pods that differ change nothing: times are the runner's own. Pods
// of one kernel have one clock, so that it is their receipts' that is changed.
func TestClocksOfPodsThatDiffer(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	var turn atomic.Int64
	f.run(lab.runner, nil, func(o *runner.Options) {
		o.TapReceipts = func(receipts []probes.Receipt) []probes.Receipt {
			skew := time.Duration(turn.Add(1)%3-1) * time.Hour // behind, right, and ahead
			for i := range receipts {
				receipts[i].At = receipts[i].At.Add(skew)
			}
			return receipts
		}
	}, allKnown)
	require.Greater(t, turn.Load(), int64(2))
}

// A source without a network reaches nobody, and proves no wall by that.
func TestProbeWithoutANetwork(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	f.run(lab.runner, map[string]func(){before2: func() { unplug(t, f.probe(f.ns, "target-0")) }}, asItIs, f.ofVictim("target-0"))
}

// A probe that has a network before its attempts and after, and none meanwhile,
// shows no wall, neither around others nor around itself.
func TestProbeUnpluggedWhileItIsTried(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	var plug func()
	out := func() { plug = unplug(t, f.probe(f.ns, "target-0")) }
	in := func() { plug() }
	f.run(lab.runner, map[string]func(){f.attempts(1): out, after1: in, f.attempts(2): out, after2: in}, asItIs, f.ofVictim("target-0"))
}

// Whoever may no longer exec learns nothing more of a tenant, and still
// removes what it put there.
func TestExecForbiddenInTheMiddle(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	cut := newCutter(t, 1)
	f.run(cut.config(), map[string]func(){before2: func() {
		f.forbidExec()
		cut.cutAll(false) // a stream that is open stays open
	}}, asItIs, func(r verdicts.Result) knowledge {
		if r.To.Tenant == f.victim || r.From.Tenant == f.victim {
			return unknown
		}
		return known
	})
	require.NotZero(t, cut.cuts.Load(), "nothing was cut")
}

// forbidExec puts a role that lacks one right in the place of the victim's binding.
func (f *faulty) forbidExec() {
	ctx := context.Background()
	shipped, err := lab.admin.RbacV1().ClusterRoles().Get(ctx, "partywall-tenant", metav1.GetOptions{})
	require.NoError(f.t, err)
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "no-exec"}}
	for _, r := range shipped.Rules {
		if r.Resources[0] != "pods/exec" {
			role.Rules = append(role.Rules, r)
		}
	}
	require.Len(f.t, role.Rules, len(shipped.Rules)-1)
	_, err = lab.admin.RbacV1().Roles(f.ns).Create(ctx, role, metav1.CreateOptions{})
	require.NoError(f.t, err)
	_, err = lab.admin.RbacV1().RoleBindings(f.ns).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "no-exec"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: runnerAccount, Namespace: runnerNamespace}},
	}, metav1.CreateOptions{})
	require.NoError(f.t, err)
	require.NoError(f.t, lab.admin.RbacV1().RoleBindings(f.ns).Delete(ctx, "partywall-tenant", metav1.DeleteOptions{}))
}

// An admission webhook that is down keeps the probes of a namespace away,
// whichever of their objects it wants to see.
func TestAdmissionWebhookThatIsDown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		group, resource string
		words           string
	}{
		{"batch", "jobs", "the probe Job was refused in namespace "},
		{"", "pods", "failed calling webhook"},
	} {
		t.Run(tc.resource, func(t *testing.T) {
			f := newFaulty(t)
			f.webhookDown(tc.group, tc.resource)
			var why string
			f.run(lab.runner, nil, func(o *runner.Options) { o.DeployTimeout = 30 * time.Second }, func(r verdicts.Result) knowledge {
				if r.To.Tenant == f.victim || r.From.Tenant == f.victim {
					why = r.Why
					return unknown
				}
				return known
			})
			require.Contains(t, why, tc.words)
		})
	}
}

// webhookDown asks somebody who is not there about every new object of a kind
// in the victim's namespace.
func (f *faulty) webhookDown(group, resource string) {
	ctx, hooks := context.Background(), lab.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	fail, none, seconds := admissionv1.Fail, admissionv1.SideEffectClassNone, int32(1)
	_, err := hooks.Create(ctx, &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: f.ns},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "down.partywall.example", FailurePolicy: &fail, SideEffects: &none, TimeoutSeconds: &seconds, AdmissionReviewVersions: []string{"v1"},
			ClientConfig:      admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: f.ns, Name: "nobody"}},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": f.ns}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: []string{resource}},
			}},
		}},
	}, metav1.CreateOptions{})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { assert.NoError(f.t, hooks.Delete(ctx, f.ns, metav1.DeleteOptions{})) })
}

// A wall that is put up while it is tried was not there: what got through
// before is a leak, and nobody takes it for one of pods that have just started.
func TestPolicyThatArrivesLate(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	policies := lab.admin.NetworkingV1().NetworkPolicies(f.spaces[f.open][0])
	results, evidence := f.inProcess(f.context(), lab.runner, func(o *runner.Options) {
		o.Progress = strikes{t, map[string]func(){f.attempts(1): func() {
			later(t, time.Second, func() error {
				_, err := policies.Create(context.Background(), &networkingv1.NetworkPolicy{
					ObjectMeta: metav1.ObjectMeta{Name: wallName},
					Spec: networkingv1.NetworkPolicySpec{
						PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
						Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{f.peer(f.open)}}},
					},
				}, metav1.CreateOptions{})
				return err
			})
		}}}
	})
	leaks := 0
	for _, r := range results {
		if r.Verdict == verdicts.Leak {
			leaks++
			assert.Equal(t, f.open, r.To.Tenant, r.ID)
			assert.True(t, (r.Fails || r.Check == "icmp") && !r.Startup, "%s: %s", r.ID, r.Why)
		}
		for _, round := range r.Evidence.Rounds {
			assert.False(t, r.Verdict == verdicts.Isolated && (round.Receipts > 0 || round.Outcome == "reached"), "%s: %s", r.ID, r.Why)
		}
		if r.To.Tenant != f.open {
			assert.Equal(t, oneSided(r, verdicts.Isolated), r.Verdict, "%s: %s", r.ID, r.Why)
		}
	}
	require.NotZero(t, leaks)
	t.Logf("%d of %d cells leaked before the wall was there", leaks, len(results))
	require.Contains(t, evidence.Notes, "NetworkPolicy "+f.spaces[f.open][0]+"/"+wallName+" was created while the run was under way")
	f.requireClean()
}

// The tests below disturb the whole lab, and are alone on it.

func TestAPIServerThatHalts(t *testing.T) {
	f := newFaulty(t)
	halt := func() {
		goOn := stop(t, component(t, "kube-apiserver"))
		later(t, 5*time.Second, func() error { goOn(); return nil })
	}
	f.run(lab.runner, map[string]func(){f.attempts(1): halt, before2: halt}, asItIs, allDoubtful)
}

// What is in force on a node stays in force while the agent of its network
// halts; it goes on before pods have to end.
func TestNetworkAgentThatHalts(t *testing.T) {
	f := newFaulty(t)
	var goOn func()
	f.run(lab.runner, map[string]func(){
		before1:  func() { goOn = stop(t, component(t, "cilium-agent-"+f.probe(f.ns, "target-0").Spec.NodeName)) },
		removing: func() { goOn() },
	}, asItIs, allKnown)
}

// A node that takes no new pods keeps those that it has.
func TestTargetsNodeCordoned(t *testing.T) {
	f := newFaulty(t)
	f.run(lab.runner, map[string]func(){
		f.attempts(1): func() { cordon(t, f.probe(f.ns, "target-0").Spec.NodeName) },
	}, asItIs, allKnown)
}

// cordon keeps new pods from a node until the test ends.
func cordon(t *testing.T, node string) {
	t.Helper()
	set := func(unschedulable bool) error {
		_, err := lab.admin.CoreV1().Nodes().Patch(context.Background(), node, types.MergePatchType,
			fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, unschedulable), metav1.PatchOptions{})
		return err
	}
	require.NoError(t, set(true))
	t.Cleanup(func() { assert.NoError(t, set(false)) })
}

// A network that loses packets hides no leak and shows none.
func TestNetworkThatLosesOnePacketInTen(t *testing.T) {
	f := newFaulty(t)
	var dropped []func() int
	for _, node := range nodes {
		dropped = append(dropped, lose(t, node))
	}
	f.run(lab.runner, nil, asItIs, allDoubtful)
	for _, count := range dropped {
		require.NotZero(t, count(), "nothing was lost")
	}
}

// lose has the dice of nftables, which more kernels have than netem, drop what
// a node forwards; it returns what counts that.
func lose(t *testing.T, node string) (dropped func() int) {
	t.Helper()
	out, err := inNode(t, node, "nft", "add table ip lossy; add chain ip lossy packets { type filter hook forward priority 0; };"+
		" add rule ip lossy packets numgen random mod 10 == 0 counter drop")
	require.NoError(t, err, out)
	t.Cleanup(func() {
		out, err := inNode(t, node, "nft", "delete table ip lossy")
		assert.NoError(t, err, out)
	})
	return func() int {
		out, err := inNode(t, node, "nft", "list table ip lossy")
		require.NoError(t, err, out)
		var packets int
		_, rest, _ := strings.Cut(out, "counter ")
		_, err = fmt.Sscanf(rest, "packets %d", &packets)
		require.NoError(t, err, out)
		return packets
	}
}

// A network that is slow is waited for.
func TestNetworkThatTakes200Milliseconds(t *testing.T) {
	f := newFaulty(t)
	for _, node := range nodes {
		out, err := inNode(t, node, "tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "200ms")
		if contains(out, "qdisc kind is unknown") {
			t.Skip("this machine's kernel has no netem, by which packets are delayed")
		}
		require.NoError(t, err, out)
		t.Cleanup(func() {
			out, err := inNode(t, node, "tc", "qdisc", "del", "dev", "eth0", "root")
			assert.NoError(t, err, out)
		})
	}
	f.run(lab.runner, nil, asItIs, allDoubtful)
}
