package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Stamp is a digest of what a binary is made of: the module's files in dir and
// the settings it is compiled with.
func Stamp(dir string, settings ...string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	slices.Sort(files)
	digest := sha256.New()
	for _, file := range files {
		switch filepath.Base(file) {
		case "go.mod", "go.sum", "main.go":
			data, err := os.ReadFile(file)
			if err != nil {
				return "", fmt.Errorf("stamping: %w", err)
			}
			fmt.Fprintf(digest, "%s %d\n%s", filepath.Base(file), len(data), data)
		}
	}
	for _, setting := range settings {
		fmt.Fprintf(digest, "%q\n", setting)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

func isStamped(file, stamp string) bool {
	now, err := os.ReadFile(file)
	return err == nil && string(now) == stamp
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// lock waits for other builds into the same folder.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the build: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("locking the build: %w", err)
	}
	return func() { _ = file.Close() }, nil
}
