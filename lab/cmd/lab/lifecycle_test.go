package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/outside"
	"github.com/partywall/partywall/lab/state"
)

// limit bounds one command of the lab, with the binaries compiled before.
const limit = 3 * time.Minute

// bench is the lab's command and a lab of its own, taken down at the end.
type bench struct {
	binary, source, name string
	lab                  state.Lab
}

func newBench(t *testing.T, name string) *bench {
	t.Helper()
	if os.Getenv("PARTYWALL_E2E") == "" {
		t.Skip("PARTYWALL_E2E is not set: this test starts labs, as root")
	}
	b := &bench{name: fmt.Sprintf("%s-%x", name, time.Now().UnixNano()&0xffff)}
	var err error
	if b.source, err = filepath.Abs("../.."); err != nil {
		t.Fatal(err)
	}
	if b.lab, err = state.Open(b.name); err != nil {
		t.Fatal(err)
	}
	b.binary = filepath.Join(t.TempDir(), "lab")
	if out, err := exec.Command("go", "build", "-o", b.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the lab's command: %v\n%s", err, out)
	}
	b.must(t, "build", "--source", b.source)
	t.Cleanup(func() {
		if _, _, err := b.run("down"); err != nil {
			t.Errorf("taking the lab away at the end: %v", err)
		}
	})
	return b
}

// run runs one of the lab's commands.
func (b *bench) run(args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, b.binary, append(args, "--name", b.name)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func (b *bench) must(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, err := b.run(args...)
	if err != nil {
		t.Fatalf("lab %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout, stderr
}

func (b *bench) up(archives ...string) []string {
	args := []string{"up", "--source", b.source}
	for _, archive := range archives {
		args = append(args, "--probe-image", archive)
	}
	return args
}

// record is what the lab says about its processes.
func (b *bench) record(t *testing.T) string {
	t.Helper()
	record, ok, err := b.lab.Load()
	if err != nil || !ok {
		t.Fatalf("the lab's record: %v, %v", ok, err)
	}
	data, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// archive makes an image archive with that content.
func archive(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "probe")
	if err := os.WriteFile(binary, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "probe.tar")
	if err := (images.Image{Tag: "ghcr.io/partywall/probe:test", Binary: "probe"}).Write(binary, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLifecycle(t *testing.T) {
	b := newBench(t, "life")
	if _, _, err := b.run("status"); err == nil {
		t.Error("status of a lab that is down must fail")
	}
	probe := archive(t, "one")
	b.must(t, b.up(probe)...)
	first := b.record(t)

	stdout, _ := b.must(t, "kubeconfig")
	if stdout != b.lab.Kubeconfig()+"\n" {
		t.Errorf("kubeconfig prints %q", stdout)
	}
	stdout, _ = b.must(t, "status")
	for _, want := range append(outside.Addresses(), "v1.37.2") {
		if !strings.Contains(stdout, want) {
			t.Errorf("status does not say %s:\n%s", want, stdout)
		}
	}

	if _, stderr := b.must(t, b.up(probe)...); strings.Contains(stderr, "has a new") {
		t.Errorf("the second start imported again:\n%s", stderr)
	}
	_, stderr := b.must(t, b.up(archive(t, "two"))...)
	for _, node := range []string{"node1", "node2"} {
		if !strings.Contains(stderr, node+" has a new probe.tar") {
			t.Errorf("a changed probe image was not brought into %s:\n%s", node, stderr)
		}
	}
	if again := b.record(t); again != first {
		t.Errorf("a second start changed the lab:\n%s\n%s", first, again)
	}

	b.must(t, "down")
	b.assertNothing(t)
	b.must(t, "down")
}

// TestKilledStart kills a start with SIGKILL at several moments, alone and
// together with the supervisor.
func TestKilledStart(t *testing.T) {
	tests := []struct {
		name, after string
		supervisor  bool
	}{
		{"the command, at once", "", false},
		{"the command, with containerd up", "containerd is ready", false},
		{"both, with containerd up", "containerd is ready", true},
		{"both, with the API server up", "API server is ready", true},
		{"both, with pods coming", "both nodes are Ready", true},
	}
	b := newBench(t, "killed")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b.killAfter(t, test.after, test.supervisor)
			b.must(t, "down")
			b.assertNothing(t)
		})
	}
}

// killAfter starts the lab and kills the start once it has printed a text.
func (b *bench) killAfter(t *testing.T, text string, supervisor bool) {
	t.Helper()
	cmd := exec.Command(b.binary, append(b.up(), "--name", b.name)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	if text == "" {
		b.awaitRecord(t)
	} else {
		awaitLine(t, bufio.NewScanner(stderr), text)
	}
	if supervisor {
		b.killSupervisor(t)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

func awaitLine(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	var seen []string
	for lines.Scan() {
		seen = append(seen, lines.Text())
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("the start ended before it said %q:\n%s", text, strings.Join(seen, "\n"))
}

// awaitRecord waits for the first sign of a supervisor.
func (b *bench) awaitRecord(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if _, ok, err := b.lab.Load(); ok && err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the start never began")
}

func (b *bench) killSupervisor(t *testing.T) {
	t.Helper()
	record, _, err := b.lab.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Supervisor.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestLostSupervisor kills the supervisor of a lab that is up.
func TestLostSupervisor(t *testing.T) {
	b := newBench(t, "lost")
	b.must(t, b.up()...)
	b.killSupervisor(t)
	if stdout, _, err := b.run("status"); err == nil || !strings.Contains(stdout, "supervisor has ended") {
		t.Errorf("status does not tell that the supervisor has ended: %v\n%s", err, stdout)
	}
	b.must(t, "down")
	b.assertNothing(t)
}

// TestEndedComponent kills a component of a lab that is up: the lab says which,
// and the next start makes a new one.
func TestEndedComponent(t *testing.T) {
	b := newBench(t, "ended")
	b.must(t, b.up()...)
	b.killComponent(t, "kubelet-node2")
	b.awaitEnd(t)
	if stdout, _, err := b.run("status"); err == nil || !strings.Contains(stdout, "kubelet-node2 ended") {
		t.Errorf("status does not tell that the kubelet ended: %v\n%s", err, stdout)
	}
	b.must(t, b.up()...)
	b.must(t, "status")
	b.must(t, "down")
	b.assertNothing(t)
}

// awaitEnd waits until the supervisor has ended.
func (b *bench) awaitEnd(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		record, _, err := b.lab.Load()
		if err != nil {
			t.Fatal(err)
		}
		if !record.Supervisor.Alive() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the supervisor goes on without a component")
}

// TestFailedStart ends a component while the lab starts.
func TestFailedStart(t *testing.T) {
	b := newBench(t, "failed")
	cmd := exec.Command(b.binary, append(b.up(), "--name", b.name)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	b.killComponent(t, "etcd")
	if err := cmd.Wait(); err == nil {
		t.Fatal("a start whose etcd was killed succeeded")
	}
	for _, want := range []string{"etcd ended", "the end of its log", `"level":`} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the failure does not say %q:\n%s", want, stderr.String())
		}
	}
	// It has cleaned up by itself, without a down.
	b.assertNothing(t)
}

// killComponent kills a component once it has written something to its log.
func (b *bench) killComponent(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		record, _, err := b.lab.Load()
		log, statErr := os.Stat(b.lab.Log(name))
		if identity, ok := record.Components[name]; ok && err == nil && statErr == nil && log.Size() > 0 {
			if err := identity.Signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s never started", name)
}

func TestSideBySide(t *testing.T) {
	one, other := newBench(t, "one"), newBench(t, "other")
	var starts sync.WaitGroup
	for _, b := range []*bench{one, other} {
		starts.Go(func() {
			if _, stderr, err := b.run(b.up()...); err != nil {
				t.Errorf("starting %s: %v\n%s", b.name, err, stderr)
			}
		})
	}
	starts.Wait()
	one.must(t, "status")
	other.must(t, "status")
	assertOwnOutside(t, one, other)
	one.must(t, "down")
	one.assertNothing(t)
	other.must(t, "status")
	other.must(t, "down")
	other.assertNothing(t)
}

// assertOwnOutside shows that what happens at one lab's outside, at an address
// that both have, is no business of the other's.
func assertOwnOutside(t *testing.T, one, other *bench) {
	t.Helper()
	conn, err := network.Dial(t.Context(), one.lab.Netns(), "tcp4", outside.Web+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.0\r\n\r\n", one.name); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	if visits, _ := one.must(t, "records", outside.Visits); !strings.Contains(visits, "GET /"+one.name) {
		t.Errorf("%s does not know of its visit:\n%s", one.name, visits)
	}
	if visits, _ := other.must(t, "records", outside.Visits); strings.Contains(visits, one.name) {
		t.Errorf("%s knows of a visit to %s:\n%s", other.name, one.name, visits)
	}
}

// assertNothing looks for what a lab leaves behind with eyes of its own, not
// those of the command under test.
func (b *bench) assertNothing(t *testing.T) {
	t.Helper()
	for _, mount := range strings.Split(read(t, "/proc/self/mounts"), "\n") {
		if strings.Contains(mount, b.name) {
			t.Errorf("a mount is left: %s", mount)
		}
	}
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(entry.Name(), b.name) {
			t.Errorf("a cgroup is left: %s", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// One that ended meanwhile is not left.
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if bytes.Contains(command, []byte(b.name)) {
			t.Errorf("a process is left: %d %s", pid, bytes.ReplaceAll(command, []byte{0}, []byte(" ")))
		}
	}
	for _, dir := range []string{"/run/netns", "/var/run/netns"} {
		names, _ := filepath.Glob(filepath.Join(dir, "cni-*"))
		if len(names) > 0 {
			t.Errorf("network namespaces of pods are left: %v", names)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestMeshLifecycle shows that a lab keeps its profile, and that nothing of one
// with a mesh is left behind.
func TestMeshLifecycle(t *testing.T) {
	if os.Getenv("PARTYWALL_LAB_PROFILE") != string(state.Mesh) {
		t.Skip("PARTYWALL_LAB_PROFILE is not mesh: Istio is compiled for nobody who has not asked for it")
	}
	b := newBench(t, "mesh")
	b.must(t, "build", "--source", b.source, "--profile", "mesh")
	mesh := append(b.up(), "--profile", "mesh")
	b.must(t, mesh...)
	if stdout, _ := b.must(t, "status", "-o", "json"); !strings.Contains(stdout, `"profile": "mesh"`) {
		t.Errorf("status does not tell the profile:\n%s", stdout)
	}
	first := b.record(t)
	_, stderr, err := b.run(b.up()...)
	if err == nil || !strings.Contains(stderr, "is up with the profile mesh, and not default: take it down first") {
		t.Errorf("another profile was not refused: %v\n%s", err, stderr)
	}
	b.must(t, mesh...)
	if again := b.record(t); again != first {
		t.Errorf("a second start changed the lab:\n%s\n%s", first, again)
	}
	b.must(t, "down")
	b.assertNothing(t)
}
