package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		if !isCompiled(filepath.Base(file)) {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("stamping: %w", err)
		}
		fmt.Fprintf(digest, "%s %d\n%s", filepath.Base(file), len(data), data)
	}
	for _, setting := range settings {
		fmt.Fprintf(digest, "%q\n", setting)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// isCompiled tells the files that a binary is made of from what lies beside them.
func isCompiled(name string) bool {
	return name == "go.mod" || name == "go.sum" || strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

func isStamped(file, stamp string) bool {
	now, err := os.ReadFile(file)
	return err == nil && string(now) == stamp
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
