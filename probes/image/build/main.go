// Command build writes the probe's image as a tarball; the Makefile runs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/partywall/partywall/probes/image"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	fs := flag.NewFlagSet("build", flag.ExitOnError)
	binary := fs.String("binary", "", "the probe, built for Linux with CGO_ENABLED=0")
	arch := fs.String("arch", "amd64", "the architecture it was built for")
	ref := fs.String("ref", "", "the name of the image, with its tag")
	out := fs.String("out", "", "the tarball to write")
	fs.Parse(args) //nolint:errcheck // it exits
	if *binary == "" || *ref == "" || *out == "" {
		return errors.New("--binary, --ref and --out are needed")
	}
	probe, err := os.ReadFile(*binary)
	if err != nil {
		return fmt.Errorf("reading the probe (build it first): %w", err)
	}
	img, err := image.Build(probe, *arch, version(*ref))
	if err != nil {
		return err
	}
	return image.WriteTarball(*out, *ref, img)
}

// version is the tag of the reference; a registry may have a port.
func version(ref string) string {
	last := ref[strings.LastIndexByte(ref, '/')+1:]
	_, tag, _ := strings.Cut(last, ":")
	return tag
}
