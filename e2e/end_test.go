package e2e

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/partywall/partywall/verdicts"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// The tests above run as the shipped roles, which cannot do what no run needs.
func TestTheRunnerIsNotTheAdmin(t *testing.T) {
	client, err := kubernetes.NewForConfig(lab.runner)
	require.NoError(t, err)
	ctx := context.Background()
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, "system:serviceaccount:partywall:partywall-runner", review.Status.UserInfo.Username)
	_, err = client.CoreV1().Secrets("kube-system").List(ctx, metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "the runner can list secrets: %v", err)
	_, err = client.CoreV1().Pods("kube-system").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
	require.True(t, apierrors.IsForbidden(err), "the runner can create pods: %v", err)
}

// startAndAwait starts a run and returns once it says that a phase has begun.
func (w *world) startAndAwait(phase string, flags ...string) (*exec.Cmd, string, *bytes.Buffer) {
	w.t.Helper()
	c, out := w.command(lab.kubeconfig, flags...)
	stderr, err := c.StderrPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, c.Start())
	lines := bufio.NewScanner(stderr)
	seen := &bytes.Buffer{}
	for lines.Scan() {
		seen.WriteString(lines.Text() + "\n")
		if contains(lines.Text(), phase) {
			go func() {
				for lines.Scan() { // the rest is not wanted, but must be read
				}
			}()
			return c, out, seen
		}
	}
	w.t.Fatalf("the run ended before %q:\n%s", phase, seen)
	return nil, "", nil
}

func TestSignalsStopCleanUpAndWriteWhatThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.deletePolicy(w.tenants[0])
	for _, tc := range []struct {
		signal syscall.Signal
		phase  string
		exit   int // 1 where a leak was found already
	}{
		{syscall.SIGINT, "putting", 3},
		{syscall.SIGTERM, "round 1 of 2: 240 attempts", 3},
		{syscall.SIGINT, "before round 2", 1},
	} {
		c, out, seen := w.startAndAwait(tc.phase)
		require.NoError(t, c.Process.Signal(tc.signal))
		_ = c.Wait()
		got := c.ProcessState.ExitCode()
		if tc.phase == "round 1 of 2: 240 attempts" && got == 1 {
			tc.exit = 1 // the leak was seen before the signal came
		}
		require.Equal(t, tc.exit, got, seen.String())
		record, err := readRecord(filepath.Join(out, "results.json"))
		require.NoError(t, err)
		require.True(t, record.Summary.Partial)
		require.Len(t, record.Results, w.size())
		for _, r := range record.Results {
			require.NotEqual(t, verdicts.Isolated, r.Verdict, r.ID)
		}
		requireJUnitPartial(t, filepath.Join(out, "junit.xml"))
		w.requireClean()
	}
}

func requireJUnitPartial(t *testing.T, path string) {
	t.Helper()
	parsed, err := junit.IngestFile(path)
	require.NoError(t, err)
	for _, s := range parsed {
		for _, c := range s.Tests {
			if c.Name == "coverage" && c.Status == junit.StatusError {
				return
			}
		}
	}
	t.Fatalf("%s does not say that the run is partial", path)
}

// A killed runner leaves a record that says so, and `clean` removes its
// objects.
func TestKilledRunner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	c, out, _ := w.startAndAwait("before round 2")
	require.NoError(t, c.Process.Kill())
	_ = c.Wait()
	requireJUnitPartial(t, filepath.Join(out, "junit.xml"))
	for _, name := range []string{"results.json", "results.jsonl"} {
		record, err := readRecord(filepath.Join(out, name))
		require.NoError(t, err, name)
		require.True(t, record.Summary.Partial, name)
		require.Equal(t, 3, record.Summary.Exit, name)
	}
	record, err := readRecord(filepath.Join(out, "results.jsonl"))
	require.NoError(t, err)
	spool, err := os.ReadFile(filepath.Join(out, "results.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(spool), `"observed"`)

	run := record.Header.Run
	ns := w.spaces[w.tenants[0]][0]
	require.NotEmpty(t, leftovers(t, ns))
	require.Contains(t, w.clean(), "run "+run+" left alone")
	require.NotEmpty(t, leftovers(t, ns))
	require.Contains(t, w.clean("--run", run), "run "+run+" removed")
	w.requireClean()
	require.Contains(t, w.clean("--run", run), "nothing to clean")
}

func (w *world) clean(flags ...string) string {
	w.t.Helper()
	args := append([]string{"clean", "--kubeconfig", lab.kubeconfig, "-f", w.file()}, flags...)
	b, err := exec.Command(lab.binary, args...).CombinedOutput()
	require.NoError(w.t, err, string(b))
	return string(b)
}

// What a runner leaves behind removes itself: the Job ends its pod, and then
// goes with all that it owns.
func TestProbesRemoveThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	o := w.run("--keep", "--max-duration", "1m")
	require.Equal(t, 0, o.exit, o.stderr)
	ns := w.spaces[w.tenants[0]][0]
	require.NotEmpty(t, leftovers(t, ns), "--keep keeps them")
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			awaitNoServices(ctx, t, ns)
		}
	}
	w.requireClean()
}

// awaitNoServices watches until the last object that a Job owns is gone.
func awaitNoServices(ctx context.Context, t *testing.T, ns string) {
	t.Helper()
	for {
		list, err := lab.admin.CoreV1().Services(ns).List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
		if len(list.Items) == 0 && len(leftovers(t, ns)) == 0 {
			return
		}
		watcher, err := lab.admin.CoreV1().Services(ns).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		require.NoError(t, err)
		select {
		case <-watcher.ResultChan():
		case <-time.After(5 * time.Second): // a Job or a pod may be the last to go
		case <-ctx.Done():
			t.Fatalf("objects are still in %s: %v", ns, leftovers(t, ns))
		}
		watcher.Stop()
	}
}
