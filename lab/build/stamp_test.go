package build

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStampChanges(t *testing.T) {
	base := map[string]string{"go.mod": "module a", "go.sum": "sum", "main.go": "package main"}
	with := func(name, content string) map[string]string {
		files := map[string]string{name: content}
		for n, c := range base {
			if n != name {
				files[n] = c
			}
		}
		return files
	}
	original := stampOf(t, base, "flag")
	tests := []struct {
		name    string
		files   map[string]string
		setting string
		same    bool
	}{
		{"nothing", base, "flag", true},
		{"go.mod", with("go.mod", "module b"), "flag", false},
		{"go.sum", with("go.sum", "other"), "flag", false},
		{"main.go", with("main.go", "package main // new"), "flag", false},
		{"another source file", with("more.go", "package main"), "flag", false},
		{"a test", with("main_test.go", "package main"), "flag", true},
		{"a flag", base, "other flag", false},
		{"a file that is not compiled", with("README.md", "words"), "flag", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := stampOf(t, test.files, test.setting) == original; got != test.same {
				t.Errorf("same stamp: %v, want %v", got, test.same)
			}
		})
	}
}

func stampOf(t *testing.T, files map[string]string, setting string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stamp, err := Stamp(dir, setting)
	if err != nil {
		t.Fatal(err)
	}
	return stamp
}

func TestVersionFlags(t *testing.T) {
	v := version{Version: "v1.37.2", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	v.Origin.Hash = "abc"
	const p = " -X k8s.io/component-base/version."
	want := p + "gitVersion=v1.37.2" + p + "gitMajor=1" + p + "gitMinor=37" + p + "gitCommit=abc" +
		p + "gitTreeState=clean" + p + "buildDate=2026-01-02T03:04:05Z"
	if got := v.ldflags(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
