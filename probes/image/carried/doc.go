// Package carried holds the probes that a build of the command-line tool has
// inside, so that whoever has the tool has its probe image too.
package carried

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ErrNone says that this build carries no probe.
var ErrNone = errors.New("this partywall was built without its probe image; `make build` makes one that has it")

// Probe is the static Linux binary of an architecture.
func Probe(arch string) ([]byte, error) { return read(files, arch) }

func read(from fs.FS, arch string) ([]byte, error) {
	packed, err := fs.ReadFile(from, "probe-linux-"+arch+".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("reading the carried probe for %s: %w", arch, err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking the carried probe for %s: %w", arch, err)
	}
	binary, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpacking the carried probe for %s: %w", arch, err)
	}
	return binary, nil
}
