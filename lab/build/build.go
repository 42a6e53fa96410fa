package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/state"
)

// tick is how often a compilation that goes on says so.
const tick = 10 * time.Second

// Builder compiles into a lab's shared folders.
type Builder struct {
	// Source is the folder of the lab's sources (lab/ in the repository).
	Source string
	// Lab says where the results go.
	Lab state.Lab
	// Profile says what the lab is made of.
	Profile state.Profile
	// Progress gets a line per step.
	Progress io.Writer
}

// All compiles what is missing or out of date, and makes the images of it. It
// prints nothing where all is there.
func (b Builder) All(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(b.Source, "components", "kubernetes", "go.mod")); err != nil {
		return fmt.Errorf("the lab's sources are not in %s (run it at the repository's root or set --source): %w", b.Source, err)
	}
	for _, dir := range []string{b.Lab.Bin(), b.Lab.Share("images"), b.Lab.Share("stamps")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making a folder for the lab's binaries: %w", err)
		}
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := b.compileAll(ctx); err != nil {
		return err
	}
	return b.finish(ctx)
}

func (b Builder) compileAll(ctx context.Context) error {
	compiler, err := b.goOutput(ctx, b.Source, "env", "GOVERSION", "GOARCH")
	if err != nil {
		return err
	}
	for _, component := range Components(b.Profile) {
		if err := b.compile(ctx, component, compiler); err != nil {
			return fmt.Errorf("building %s: %w", component.Name, err)
		}
	}
	return nil
}

// compile builds one component unless its stamp says that it is up to date.
func (b Builder) compile(ctx context.Context, component Component, compiler string) error {
	dir := filepath.Join(b.Source, component.Dir)
	args, err := b.arguments(ctx, component, dir)
	if err != nil {
		return err
	}
	stamp, err := Stamp(dir, append(args, compiler)...)
	if err != nil {
		return err
	}
	stampFile, target := b.Lab.Share("stamps", component.Name), b.Lab.Bin(component.Name)
	if isStamped(stampFile, stamp) && exists(target) {
		return nil
	}
	next := target + ".next"
	if err := b.compileVisibly(ctx, component.Name, dir, append([]string{"build", "-o", next}, args...)); err != nil {
		return err
	}
	if err := os.Rename(next, target); err != nil {
		return err
	}
	return os.WriteFile(stampFile, []byte(stamp), 0o644)
}

func (b Builder) arguments(ctx context.Context, component Component, dir string) ([]string, error) {
	ldflags := "-s -w"
	if component.Kubernetes {
		version, err := b.kubernetesVersion(ctx, dir)
		if err != nil {
			return nil, err
		}
		ldflags += version.ldflags()
	}
	args := []string{"-trimpath", "-ldflags=" + ldflags}
	if component.Tags != "" {
		args = append(args, "-tags="+component.Tags)
	}
	return append(args, component.Package), nil
}

// compileVisibly runs the compiler and says every few seconds that it still
// runs: a cold compilation takes minutes, and silence looks like a hang.
func (b Builder) compileVisibly(ctx context.Context, name, dir string, args []string) error {
	start := time.Now()
	done := make(chan error, 1)
	go func() {
		_, err := b.goOutput(ctx, dir, args...)
		done <- err
	}()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			if err == nil {
				fmt.Fprintf(b.Progress, "build: %s in %d s\n", name, int(time.Since(start).Seconds()))
			}
			return err
		case <-ticker.C:
			fmt.Fprintf(b.Progress, "build: %s, %d s so far\n", name, int(time.Since(start).Seconds()))
		}
	}
}

// goOutput runs the go command in one of the lab's modules.
func (b Builder) goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	out, err := output(cmd)
	if err != nil {
		return "", fmt.Errorf("in %s: %w", dir, err)
	}
	return strings.TrimSpace(out), nil
}

// output runs a command, which an interrupt ends softly, and returns what it
// prints.
func output(cmd *exec.Cmd) (string, error) {
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(cmd.Path), cmd.Args[1], err, stderr.String())
	}
	return string(out), nil
}

// finish puts beside the binaries what is not compiled: the names of the
// Kubernetes components, clang, Cilium's sources, and the images.
func (b Builder) finish(ctx context.Context) error {
	links := map[string]string{"clang": "/usr/bin/clang-19"}
	for _, name := range KubernetesNames() {
		links[name] = "kubernetes"
	}
	for name, target := range links {
		if err := link(target, b.Lab.Bin(name)); err != nil {
			return fmt.Errorf("linking %s: %w", name, err)
		}
	}
	if err := b.copyCiliumSources(ctx); err != nil {
		return fmt.Errorf("copying Cilium's eBPF sources: %w", err)
	}
	if err := b.makeImages(images.Own()); err != nil {
		return err
	}
	if b.Profile == state.Mesh {
		return b.finishMesh(ctx)
	}
	return nil
}

func link(target, name string) error {
	if now, err := os.Readlink(name); err == nil && now == target {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(target, name)
}

// copyCiliumSources takes the eBPF programs, which the agent compiles when it
// starts, and the CRDs out of the module that the agent was built from.
func (b Builder) copyCiliumSources(ctx context.Context) error {
	stamp, err := os.ReadFile(b.Lab.Share("stamps", "cilium-agent"))
	if err != nil {
		return err
	}
	stampFile := b.Lab.Share("stamps", "cilium-sources")
	if isStamped(stampFile, string(stamp)) {
		return nil
	}
	module, err := b.goOutput(ctx, filepath.Join(b.Source, "components", "cilium"), "list", "-m", "-f", "{{.Dir}}", ciliumModule)
	if err != nil {
		return err
	}
	target := b.Lab.Share("cilium")
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(target, "bpf"), os.DirFS(filepath.Join(module, "bpf"))); err != nil {
		return err
	}
	crds := filepath.Join(module, "pkg", "k8s", "apis", "cilium.io", "client", "crds")
	if err := os.CopyFS(filepath.Join(target, "crds"), os.DirFS(crds)); err != nil {
		return err
	}
	return os.WriteFile(stampFile, stamp, 0o644)
}

// makeImages wraps the binaries that run as pods.
func (b Builder) makeImages(of []images.Image) error {
	for _, image := range of {
		stamp, err := os.ReadFile(b.Lab.Share("stamps", image.Binary))
		if err != nil {
			return fmt.Errorf("making image %s: %w", image.Tag, err)
		}
		stampFile, archive := b.Lab.Share("stamps", "image-"+image.Binary), b.Lab.Share("images", image.Binary+".tar")
		if isStamped(stampFile, string(stamp)) && exists(archive) {
			continue
		}
		if err := image.Write(b.Lab.Bin(image.Binary), archive); err != nil {
			return fmt.Errorf("making image %s: %w", image.Tag, err)
		}
		if err := os.WriteFile(stampFile, stamp, 0o644); err != nil {
			return fmt.Errorf("making image %s: %w", image.Tag, err)
		}
	}
	return nil
}

// version is what a Kubernetes binary says about itself.
type version struct {
	// Version is the module's, Time and Origin the tag's.
	Version string
	Info    string
	Time    time.Time
	Origin  struct{ Hash string }
}

// kubernetesVersion asks the module proxy's record of the pinned release, so
// that the version string cannot drift from what is compiled.
func (b Builder) kubernetesVersion(ctx context.Context, dir string) (version, error) {
	out, err := b.goOutput(ctx, dir, "mod", "download", "-json", kubernetes)
	if err != nil {
		return version{}, err
	}
	var v version
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		return version{}, fmt.Errorf("reading the version of %s: %w", kubernetes, err)
	}
	info, err := os.ReadFile(v.Info)
	if err != nil {
		return version{}, fmt.Errorf("reading the version of %s: %w", kubernetes, err)
	}
	if err := json.Unmarshal(info, &v); err != nil {
		return version{}, fmt.Errorf("reading the version of %s: %w", kubernetes, err)
	}
	return v, nil
}

func (v version) ldflags() string {
	parts := strings.SplitN(strings.TrimPrefix(v.Version, "v"), ".", 3)
	commit := v.Origin.Hash
	if commit == "" {
		// A proxy need not know it, and a guess would be worse.
		commit = "unknown"
	}
	values := [][2]string{
		{"gitVersion", v.Version}, {"gitMajor", parts[0]}, {"gitMinor", parts[1]},
		{"gitCommit", commit}, {"gitTreeState", "clean"}, {"buildDate", v.Time.UTC().Format(time.RFC3339)},
	}
	var flags strings.Builder
	for _, value := range values {
		fmt.Fprintf(&flags, " -X k8s.io/component-base/version.%s=%s", value[0], value[1])
	}
	return flags.String()
}
