package state

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/partywall/partywall/lab/processes"
)

func TestOpen(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	tests := []struct {
		name string
		good bool
	}{
		{"default", true},
		{"a", true},
		{"ci-2", true},
		{strings.Repeat("x", 30), true},
		{strings.Repeat("x", 31), false},
		{"", false},
		{"-a", false},
		{"a-", false},
		{"A", false},
		{"a/b", false},
		{"..", false},
		{"a b", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Open(test.name); (err == nil) != test.good {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestLabsShareNoName(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	seen := map[string]string{}
	for _, name := range []string{"a", "a-node1", "a-b"} {
		lab, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{lab.ID(), lab.Path(), lab.Netns(), lab.Kubeconfig()}
		for _, node := range lab.Nodes() {
			names = append(names, node.Netns, node.Cgroup, node.Dir)
		}
		for _, n := range names {
			if other, taken := seen[n]; taken {
				t.Errorf("labs %s and %s share %s", name, other, n)
			}
			seen[n] = name
		}
	}
}

func TestRecord(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	lab, err := Open("default")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := lab.Load(); ok || err != nil {
		t.Fatalf("a lab that never was: %v, %v", ok, err)
	}
	if err := os.MkdirAll(lab.Path(), 0o755); err != nil {
		t.Fatal(err)
	}
	want := Record{Profile: Mesh, Supervisor: processes.Identity{PID: 7, Start: 8}, Port: 9, Ready: true}
	if err := lab.Save(want); err != nil {
		t.Fatal(err)
	}
	got, ok, err := lab.Load()
	if err != nil || !ok || got.Supervisor != want.Supervisor || got.Profile != Mesh || got.Port != 9 || !got.Ready {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
}

func TestLock(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	lab, err := Open("default")
	if err != nil {
		t.Fatal(err)
	}
	held, err := lab.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lab.Lock(done); err == nil {
		t.Error("a held lock was given to another")
	}
	if err := held.Remove(); err != nil {
		t.Fatal(err)
	}
	held.Release()
	again, err := lab.Lock(t.Context())
	if err != nil {
		t.Fatalf("a removed lock was not made anew: %v", err)
	}
	again.Release()
}

func TestParseProfile(t *testing.T) {
	for name, good := range map[string]bool{"default": true, "mesh": true, "": false, "Mesh": false, "other": false} {
		if p, err := ParseProfile(name); (err == nil) != good || good && string(p) != name {
			t.Errorf("%q: %q, %v", name, p, err)
		}
	}
}
