package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The lab's processes are this machine's, so that tests can lay hands on them.
// Nothing is touched that does not bear the name of the lab under test.

// nodes are those of every lab.
var nodes = []string{"node1", "node2"}

func labName() string {
	if name := os.Getenv("PARTYWALL_LAB"); name != "" {
		return name
	}
	return "default"
}

func labFolder(t *testing.T) string {
	t.Helper()
	b, err := exec.Command(filepath.Join("..", "bin", "lab"), "kubeconfig", "--name", labName()).Output()
	require.NoError(t, err)
	return filepath.Dir(strings.TrimSpace(string(b)))
}

// component finds the process of a part of the lab, by the lab's own records
// and by its command line.
func component(t *testing.T, name string) int {
	t.Helper()
	folder := labFolder(t)
	b, err := os.ReadFile(filepath.Join(folder, "lab.json"))
	require.NoError(t, err)
	var record struct {
		Components map[string]struct{ PID int }
	}
	require.NoError(t, json.Unmarshal(b, &record))
	pid := record.Components[name].PID
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	require.NoError(t, err, name)
	require.Contains(t, string(line), folder+"/", "process %d is not this lab's %s", pid, name)
	return pid
}

// stop holds a process until the test ends, or until it is let go before.
func stop(t *testing.T, pid int) (letGo func()) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	letGo = func() { _ = syscall.Kill(pid, syscall.SIGCONT) } // it may have ended
	t.Cleanup(letGo)
	return letGo
}

// probe is the pod of the run in process that has a slot in a namespace.
func (w *world) probe(ns, slot string) *corev1.Pod {
	w.t.Helper()
	pods, err := lab.admin.CoreV1().Pods(ns).List(context.Background(), metav1.ListOptions{
		LabelSelector: "partywall.dev/run=" + w.id + "," + labelSlot + "=" + slot,
	})
	require.NoError(w.t, err)
	require.Len(w.t, pods.Items, 1)
	return &pods.Items[0]
}

// process is the probe of a pod.
func process(t *testing.T, pod *corev1.Pod) int {
	t.Helper()
	return processOf(t, pod, "/probe\x00serve\x00")
}

// processOf is the one of a pod's whose command line begins so, found by the pod's
// cgroup.
func processOf(t *testing.T, pod *corev1.Pod, command string) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cgroup")
	require.NoError(t, err)
	for _, path := range paths {
		groups, _ := os.ReadFile(path) // of one that has ended there is none
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if !contains(string(groups), "/partywall-"+labName()+"/") || !contains(string(groups), "pod"+string(pod.UID)) || !strings.HasPrefix(string(line), command) {
			continue
		}
		var pid int
		_, err := fmt.Sscanf(path, "/proc/%d/cgroup", &pid)
		require.NoError(t, err)
		return pid
	}
	t.Fatalf("pod %s/%s has no process", pod.Namespace, pod.Name)
	return 0
}

// starve leaves a pod's containers no more memory than they have. That is the
// pod's own cgroup, of either version.
func starve(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", process(t, pod)))
	require.NoError(t, err)
	for _, line := range strings.Split(string(groups), "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 || fields[1] != "memory" && fields[0] != "0" {
			continue
		}
		folder, usage, limit := "/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes"
		if fields[1] == "" {
			folder, usage, limit = "/sys/fs/cgroup", "memory.current", "memory.max"
		}
		folder = filepath.Join(folder, fields[2])
		now, err := os.ReadFile(filepath.Join(folder, usage))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, limit), now, 0o600))
		return
	}
	t.Fatalf("pod %s/%s has no cgroup for memory: %s", pod.Namespace, pod.Name, groups)
}

// inNode runs a command in the network of a node.
func inNode(t *testing.T, node string, command ...string) (string, error) {
	t.Helper()
	args := append([]string{"--net=" + filepath.Join(labFolder(t), "netns", node)}, command...)
	b, err := exec.Command("nsenter", args...).CombinedOutput()
	return strings.TrimSpace(string(b)), err
}

// unplug takes a pod's cable out at its node's end, until it is plugged in again.
func unplug(t *testing.T, pod *corev1.Pod) (plug func()) {
	t.Helper()
	b, err := exec.Command("nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", process(t, pod)), "ip", "-o", "link", "show", "eth0").Output()
	require.NoError(t, err)
	var index int
	_, rest, _ := strings.Cut(string(b), "eth0@if")
	_, err = fmt.Sscanf(rest, "%d:", &index)
	require.NoError(t, err, string(b))
	links, err := inNode(t, pod.Spec.NodeName, "ip", "-o", "link")
	require.NoError(t, err, links)
	for _, line := range strings.Split(links, "\n") {
		number, name, _ := strings.Cut(line, ": ")
		if number != fmt.Sprint(index) {
			continue
		}
		name, _, _ = strings.Cut(name, "@")
		set := func(state string) {
			out, err := inNode(t, pod.Spec.NodeName, "ip", "link", "set", name, state)
			require.NoError(t, err, out)
		}
		set("down")
		return func() { set("up") }
	}
	t.Fatalf("node %s has no link %d: %s", pod.Spec.NodeName, index, links)
	return nil
}

// later does something after a while, and has it done before the test ends.
func later(t *testing.T, after time.Duration, do func() error) {
	done := make(chan error, 1)
	time.AfterFunc(after, func() { done <- do() })
	t.Cleanup(func() { assert.NoError(t, <-done) })
}

// strikes is a progress that lets a test act when phases begin.
type strikes struct {
	t  *testing.T
	do map[string]func()
}

func (s strikes) Phase(name string) {
	s.t.Log(name)
	if do := s.do[name]; do != nil {
		do()
	}
}

func (s strikes) Note(text string) { s.t.Log(text) }
