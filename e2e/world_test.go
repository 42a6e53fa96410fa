package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// world is a few tenants of a test's own, randomly named.
type world struct {
	t         *testing.T
	letter    byte   // the second of its namespaces' names, by which worlds ignore each other
	label     string // the namespace label that names its tenants
	tenants   []string
	spaces    map[string][]string // namespaces by tenant
	dir       string
	promises  []string        // of the tenancy file
	extra     string          // more lines of the tenancy file
	id        string          // of a run in process; made where there is none
	nodePorts bool            // a run in process tries ports of the nodes too
	registry  suites.Registry // of a run in process; the network's suite alone where there is none
	address   suites.Address  // of the attempts of a run in process; empty for all

	sensitivity verdicts.Sensitivity // of the latest run in process
}

const (
	wallName = "wall"
	alphabet = "abcdefghijklmnopqrstuvwxyz"
)

var (
	worlds         atomic.Int64
	everyNamespace = &metav1.LabelSelector{}
	tcp, udp       = corev1.ProtocolTCP, corev1.ProtocolUDP
)

// ignored lists patterns for every namespace but the world's own.
func (w *world) ignored() string {
	var patterns []string
	for _, c := range []byte(alphabet) {
		if c != 'q' {
			patterns = append(patterns, fmt.Sprintf("%c*", c))
		}
		if c != w.letter {
			patterns = append(patterns, fmt.Sprintf("q%c*", c))
		}
	}
	return strings.Join(patterns, ", ")
}

// newWorld makes tenants of one namespace each, the last of them of two, and
// walls all of them off.
func newWorld(t *testing.T, tenants int) *world {
	t.Helper()
	w := bareWorld(t, tenants)
	for _, tenant := range w.tenants {
		w.wall(tenant)
	}
	return w
}

func bareWorld(t *testing.T, tenants int) *world {
	t.Helper()
	letter := alphabet[worlds.Add(1)%int64(len(alphabet))]
	tag := fmt.Sprintf("%06x", rand.N(1<<24))
	w := &world{t: t, letter: letter, label: "tenant-" + tag, spaces: map[string][]string{}, dir: t.TempDir()}
	for i := range tenants {
		tenant := fmt.Sprintf("q%c%d-%s", letter, i, tag)
		w.tenants = append(w.tenants, tenant)
		w.addNamespace(tenant, tenant+"-a")
	}
	last := w.tenants[tenants-1]
	w.addNamespace(last, last+"-b")
	return w
}

func (w *world) addNamespace(tenant, name string) {
	w.t.Helper()
	ctx := context.Background()
	_, err := lab.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   name,
		Labels: map[string]string{w.label: tenant, "pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		require.Empty(w.t, leftovers(w.t, name), "the run left objects behind")
		_ = lab.admin.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	})
	require.NoError(w.t, apply(ctx, "roles/tenant-binding.yaml", name))
	w.spaces[tenant] = append(w.spaces[tenant], name)
}

// wall lets only the tenant itself into its namespaces.
func (w *world) wall(tenant string) {
	w.t.Helper()
	w.setPolicy(tenant, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{w.peer(tenant)}})
}

func (w *world) peer(tenant string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{w.label: tenant}},
	}
}

// setPolicy makes the wall of a tenant's namespaces one of these rules.
func (w *world) setPolicy(tenant string, rules ...networkingv1.NetworkPolicyIngressRule) {
	w.t.Helper()
	for _, ns := range w.spaces[tenant] {
		policy := &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: wallName, Namespace: ns},
			Spec: networkingv1.NetworkPolicySpec{
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: rules,
			},
		}
		policies := lab.admin.NetworkingV1().NetworkPolicies(ns)
		_, err := policies.Update(context.Background(), policy, metav1.UpdateOptions{})
		if gone(err) {
			_, err = policies.Create(context.Background(), policy, metav1.CreateOptions{})
		}
		require.NoError(w.t, err)
	}
}

func (w *world) deletePolicy(tenant string) {
	w.t.Helper()
	for _, ns := range w.spaces[tenant] {
		require.NoError(w.t, lab.admin.NetworkingV1().NetworkPolicies(ns).Delete(context.Background(), wallName, metav1.DeleteOptions{}))
	}
}

// file writes the world's tenancy.
func (w *world) file() string {
	path := filepath.Join(w.dir, "tenancy.yaml")
	text := "apiVersion: partywall.dev/v1alpha1\nkind: Tenancy\nmetadata: {name: e2e}\n" +
		"tenants: {byLabel: " + w.label + "}\nignoreNamespaces: [" + w.ignored() + "]\n" +
		w.extra
	if len(w.promises) > 0 {
		text += "promises: {" + strings.Join(w.promises, ", ") + "}\n"
	}
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// outcome is what a run of the binary came to.
type outcome struct {
	exit   int
	stdout string
	stderr string
	record *record
	out    string // the folder of its reports
}

// record is one that was read into memory.
type record struct {
	Header  verdicts.Header
	Results verdicts.List
	Summary verdicts.Summary
}

func readRecord(path string) (*record, error) {
	got, err := reports.Read(path)
	if err != nil {
		return nil, err
	}
	return &record{got.Header, got.Results.(verdicts.List), got.Summary}, nil
}

// run runs the binary on the world.
func (w *world) run(flags ...string) outcome {
	w.t.Helper()
	c, out := w.command(lab.kubeconfig, flags...)
	return w.complete(c, out)
}

// complete runs a command to its end, and reads what it reported.
func (w *world) complete(c *exec.Cmd, out string) outcome {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	c.Stdout = &stdout
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	err := c.Run()
	o := outcome{exit: c.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), out: out}
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		w.t.Fatalf("running partywall: %v", err)
	}
	o.record, err = readRecord(filepath.Join(out, "results.json"))
	require.NoError(w.t, err, o.stderr)
	return o
}

// command makes the command line of a run that writes its reports into a
// folder of its own.
func (w *world) command(kubeconfig string, flags ...string) (*exec.Cmd, string) {
	out, err := os.MkdirTemp(w.dir, "out")
	require.NoError(w.t, err)
	if !slices.Contains(flags, "--suite") {
		flags = append(flags, "--suite", "network") // what most tests are about
	}
	args := append([]string{"run", "--kubeconfig", kubeconfig, "-f", w.file(),
		"--report", "json=" + filepath.Join(out, "results.json"), "--report", "junit=" + filepath.Join(out, "junit.xml")}, flags...)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	w.t.Cleanup(cancel)
	return exec.CommandContext(ctx, lab.binary, args...), out
}

// want tells the verdict that an attempt ought to have.
type want func(r verdicts.Result) verdicts.Verdict

func allIsolated(verdicts.Result) verdicts.Verdict { return verdicts.Isolated }

// requireMatrix holds the whole matrix against what it ought to be.
func (w *world) requireMatrix(o outcome, want want) {
	w.t.Helper()
	w.requireResults(ofSuite("network", o.record.Results), want)
}

func ofSuite(name string, results []verdicts.Result) []verdicts.Result {
	return slices.DeleteFunc(slices.Clone(results), func(r verdicts.Result) bool { return r.Suite != name })
}

func (w *world) requireResults(results []verdicts.Result, want want) {
	w.t.Helper()
	require.Len(w.t, results, w.size())
	w.requireVerdicts(results, want.atBest)
}

// requireVerdicts tells each result that is not what it ought to be.
func (w *world) requireVerdicts(results []verdicts.Result, want want) {
	w.t.Helper()
	var wrong []string
	for _, r := range results {
		if v := want(r); v != r.Verdict {
			wrong = append(wrong, fmt.Sprintf("%s: want %s, got %s: %s", r.ID, v, r.Verdict, r.Why))
		}
	}
	require.Empty(w.t, strings.Join(wrong, "\n"), "%d in all", len(wrong))
}

// atBest wants no more of a denial that nobody witnesses than there is to be had.
func (want want) atBest(r verdicts.Result) verdicts.Verdict { return oneSided(r, want(r)) }

// oneSided is the best that there is to be had of a denial that nobody
// witnesses. An echo that not even the target's own tenant gets back tells
// nothing, and is skipped, and so is what the lab's kernel cannot do.
func oneSided(r verdicts.Result, v verdicts.Verdict) verdicts.Verdict {
	if noSCTP(r) {
		return verdicts.Skipped
	}
	if r.Check == "icmp" && r.Verdict == verdicts.Skipped && strings.Contains(r.Why, "answers no echo request") &&
		(v == verdicts.Isolated || v == verdicts.Inconclusive) {
		return verdicts.Skipped
	}
	if r.Grade == verdicts.OneSided && v == verdicts.Isolated {
		return verdicts.Unreached
	}
	return v
}

// noSCTP says that an attempt was skipped for want of SCTP in the kernel.
func noSCTP(r verdicts.Result) bool {
	return r.Check == "sctp" && r.Verdict == verdicts.Skipped && strings.Contains(r.Why, "kernel has no SCTP")
}

// size is how many attempts the matrix has: three ports by four addresses,
// three by two, an echo request, and a connection by SCTP, each on three cells, for each ordered pair
// of namespaces of different tenants.
func (w *world) size() int {
	pairs := 0
	for _, from := range w.tenants {
		for _, to := range w.tenants {
			if from != to {
				pairs += len(w.spaces[from]) * len(w.spaces[to])
			}
		}
	}
	return pairs * (3*4 + 3*2 + 1 + 1) * 3
}

// leftovers lists what runs left in a namespace, by label alone.
func leftovers(t *testing.T, namespace string) []string {
	t.Helper()
	ctx := context.Background()
	options := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=partywall"}
	var left []string
	jobs, err := lab.admin.BatchV1().Jobs(namespace).List(ctx, options)
	require.NoError(t, err)
	for _, o := range jobs.Items {
		left = append(left, "job/"+o.Name)
	}
	// A shadow may have whatever its workload says of who manages it.
	pods, err := lab.admin.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "partywall.dev/run"})
	require.NoError(t, err)
	for _, o := range pods.Items {
		left = append(left, "pod/"+o.Name)
	}
	services, err := lab.admin.CoreV1().Services(namespace).List(ctx, options)
	require.NoError(t, err)
	for _, o := range services.Items {
		left = append(left, "service/"+o.Name)
	}
	return left
}

func (w *world) requireClean() {
	w.t.Helper()
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			require.Empty(w.t, leftovers(w.t, ns))
		}
	}
}

// others takes down every object of the world's namespaces that a run could
// touch and must not, with the version it is in.
func (w *world) others() string {
	w.t.Helper()
	ctx := context.Background()
	seen := map[string]string{}
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			policies, err := lab.admin.NetworkingV1().NetworkPolicies(ns).List(ctx, metav1.ListOptions{})
			require.NoError(w.t, err)
			for _, p := range policies.Items {
				seen[ns+"/policy/"+p.Name] = p.ResourceVersion
			}
			accounts, err := lab.admin.CoreV1().ServiceAccounts(ns).List(ctx, metav1.ListOptions{})
			require.NoError(w.t, err)
			for _, a := range accounts.Items {
				seen[ns+"/account/"+a.Name] = a.ResourceVersion
			}
			namespace, err := lab.admin.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
			require.NoError(w.t, err)
			seen[ns] = namespace.ResourceVersion
		}
	}
	text, err := json.Marshal(seen)
	require.NoError(w.t, err)
	return string(text)
}
