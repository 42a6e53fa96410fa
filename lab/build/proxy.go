package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/partywall/partywall/lab/images"
)

// iptablesNames are the names under which Istio's redirection calls the one
// binary of the Debian package iptables.
var iptablesNames = []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"}

const (
	iptablesBinary    = "xtables-nft-multi"
	bootstrapTemplate = "envoy_bootstrap.json"
)

// makeProxyImage makes the image of sidecars and gateways: Istio's agent, Envoy,
// and the machine's own iptables, with what their dynamic linker loads.
func (b Builder) makeProxyImage(ctx context.Context) error {
	if err := b.copyBootstrap(ctx); err != nil {
		return fmt.Errorf("copying Envoy's bootstrap template: %w", err)
	}
	root, err := b.proxyRoot(ctx)
	if err != nil {
		return err
	}
	stamp, err := root.Stamp()
	if err != nil {
		return err
	}
	stampFile, archive := b.Lab.Share("stamps", "image-proxyv2"), proxyArchive(b.Lab)
	if isStamped(stampFile, stamp) && exists(archive) {
		return nil
	}
	fmt.Fprintf(b.Progress, "build: wrapping the image %s\n", root.Tag)
	if err := root.Write(archive); err != nil {
		return err
	}
	return os.WriteFile(stampFile, []byte(stamp), 0o644)
}

// copyBootstrap takes the template of Envoy's first configuration out of the
// module that the agent was built from.
func (b Builder) copyBootstrap(ctx context.Context) error {
	stamp, err := os.ReadFile(b.Lab.Share("stamps", "pilot-agent"))
	if err != nil {
		return err
	}
	stampFile, target := b.Lab.Share("stamps", "envoy-bootstrap"), b.bootstrap()
	if isStamped(stampFile, string(stamp)) && exists(target) {
		return nil
	}
	module, err := b.goOutput(ctx, filepath.Join(b.Source, "components", "istio"), "list", "-m", "-f", "{{.Dir}}", istioModule)
	if err != nil {
		return err
	}
	template, err := os.ReadFile(filepath.Join(module, "tools", "packaging", "common", bootstrapTemplate))
	if err != nil {
		return err
	}
	if err := os.WriteFile(target, template, 0o644); err != nil {
		return err
	}
	return os.WriteFile(stampFile, stamp, 0o644)
}

func (b Builder) bootstrap() string { return b.Lab.Share("envoy", bootstrapTemplate) }

// proxyRoot lists the files of the image.
func (b Builder) proxyRoot(ctx context.Context) (images.Root, error) {
	iptables, err := exec.LookPath(iptablesBinary)
	if err != nil {
		return images.Root{}, fmt.Errorf("finding iptables (install the Debian package iptables): %w", err)
	}
	libraries, err := loaded(ctx, b.envoy(), iptables)
	if err != nil {
		return images.Root{}, err
	}
	extensions, err := iptablesExtensions(libraries)
	if err != nil {
		return images.Root{}, err
	}
	files := []images.File{
		{Path: "tmp", Mode: 0o1777},
		{Path: "run", Mode: 0o755},
		{Path: "etc/istio/proxy", Mode: 0o1777},
		{Path: "usr/local/bin/pilot-agent", From: b.Lab.Bin("pilot-agent"), Mode: 0o755},
		{Path: "usr/local/bin/envoy", From: b.envoy(), Mode: 0o755},
		{Path: "var/lib/istio/envoy/envoy_bootstrap_tmpl.json", From: b.bootstrap(), Mode: 0o644},
		{Path: "usr/sbin/" + iptablesBinary, From: iptables, Mode: 0o755},
	}
	for _, name := range iptablesNames {
		files = append(files, images.File{Path: "usr/sbin/" + name, Link: iptablesBinary})
	}
	for _, file := range slices.Concat(libraries, extensions) {
		files = append(files, images.File{Path: strings.TrimPrefix(file, "/"), From: file, Mode: 0o755})
	}
	return images.Root{Tag: images.Proxy, User: images.IstioUser, Entrypoint: "/usr/local/bin/pilot-agent", Files: files}, nil
}

// loaded are the libraries, and the dynamic linker itself, that the binaries load.
func loaded(ctx context.Context, binaries ...string) ([]string, error) {
	var libraries []string
	for _, binary := range binaries {
		listing, err := output(exec.CommandContext(ctx, "ldd", binary))
		if err != nil {
			return nil, err
		}
		found, err := parseLibraries(listing)
		if err != nil {
			return nil, fmt.Errorf("looking for the libraries of %s: %w", binary, err)
		}
		libraries = append(libraries, found...)
	}
	slices.Sort(libraries)
	return slices.Compact(libraries), nil
}

// parseLibraries reads what ldd prints: "NAME => PATH (ADDRESS)", and
// "PATH (ADDRESS)" for the dynamic linker.
func parseLibraries(listing string) ([]string, error) {
	var libraries []string
	for line := range strings.Lines(listing) {
		name, file, isFound := strings.Cut(strings.TrimSpace(line), " => ")
		if !isFound {
			file = name
		}
		if strings.HasPrefix(file, "not found") {
			return nil, fmt.Errorf("this machine has no %s", name)
		}
		// The kernel's own page has a name, but no file.
		if file, _, _ = strings.Cut(file, " ("); path.IsAbs(file) {
			libraries = append(libraries, file)
		}
	}
	return libraries, nil
}

// iptablesExtensions are what iptables loads by itself when a rule needs it, from
// a folder beside its library.
func iptablesExtensions(libraries []string) ([]string, error) {
	i := slices.IndexFunc(libraries, func(file string) bool { return strings.HasPrefix(path.Base(file), "libxtables.so") })
	if i < 0 {
		return nil, fmt.Errorf("%s does not load libxtables: %v", iptablesBinary, libraries)
	}
	real, err := filepath.EvalSymlinks(path.Dir(libraries[i]))
	if err != nil {
		return nil, err
	}
	extensions, err := filepath.Glob(filepath.Join(real, "xtables", "*.so"))
	if err != nil {
		return nil, err
	}
	if len(extensions) == 0 {
		return nil, fmt.Errorf("%s has no extensions in %s", iptablesBinary, real)
	}
	return extensions, nil
}
