package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/partywall/partywall/bundle"
	"github.com/partywall/partywall/policies"
	"github.com/partywall/partywall/reports"
)

// passwordVariable holds the password of an encrypted key, as it does for cosign.
const passwordVariable = "COSIGN_PASSWORD"

// bundling is the flags of a command that can pack an evidence bundle.
type bundling struct {
	path, key string
	format    *reports.Bundle // once the flags were checked; nil where none is wanted
}

func (b *bundling) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&b.path, "bundle", "", "file for an evidence bundle (.tar.gz): all reports and what goes with them, behind a manifest of digests")
	_ = c.MarkFlagFilename("bundle", "gz") // fails for unknown flags only
	f.StringVar(&b.key, "bundle-key", "", "private key (PEM) that signs the bundle; the password of one by cosign is taken from "+passwordVariable)
	_ = c.MarkFlagFilename("bundle-key") // fails for unknown flags only
}

// with adds the bundle to the reports that are wanted.
func (b *bundling) with(specs []reports.Spec) ([]reports.Spec, error) {
	switch {
	case b.path == "" && b.key != "":
		return nil, errors.New("--bundle-key signs a bundle: name its file with --bundle")
	case b.path == "":
		return specs, nil
	case !holdsFile(b.path):
		return nil, fmt.Errorf("--bundle: %s is no place for a file", b.path)
	}
	for _, spec := range specs {
		if filepath.Clean(spec.Path) == filepath.Clean(b.path) {
			return nil, fmt.Errorf("--bundle: the %s report goes to %s too; give each its own", spec.Format.Name(), b.path)
		}
	}
	if sameFile(b.path, b.key) {
		return nil, fmt.Errorf("--bundle: %s is the key; give the bundle another path", b.path)
	}
	b.format = &reports.Bundle{}
	if b.key != "" {
		signer, err := bundle.LoadSigner(b.key, password)
		if err != nil {
			return nil, fmt.Errorf("--bundle-key: %w", err)
		}
		b.format.Signer = signer
	}
	return append(specs, reports.Spec{Format: b.format, Path: b.path}), nil
}

func password() ([]byte, error) {
	text, ok := os.LookupEnv(passwordVariable)
	if !ok {
		return nil, fmt.Errorf("it has a password, which is expected in %s", passwordVariable)
	}
	return []byte(text), nil
}

// keep takes down what goes into a run's bundle beside its reports.
func (b *bundling) keep(files ...bundle.File) {
	if b.format != nil {
		b.format.Extra = append(b.format.Extra, files...)
	}
}

// copied is a file as it stands when the bundle is packed.
func copied(name, path string) bundle.File {
	return bundle.File{Name: name, Write: func(w io.Writer) error {
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		_, err = io.Copy(w, in)
		return err
	}}
}

// policyFiles are the tenants' policies, each as a manifest.
func policyFiles(set *policies.Set) []bundle.File {
	var files []bundle.File
	for _, p := range set.Objects() {
		files = append(files, bundle.File{Name: "policies/" + p.Namespace + "/" + p.Name + ".yaml", Write: func(w io.Writer) error {
			text, err := yaml.Marshal(p)
			if err == nil {
				_, err = w.Write(text)
			}
			return err
		}})
	}
	return files
}
