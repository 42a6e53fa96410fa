package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/bundle"
	"github.com/partywall/partywall/reports"
)

// verifying is the verify command's own flags.
type verifying struct {
	*app
	key string
}

func newVerify(a *app) *cobra.Command {
	o := &verifying{app: a}
	c := &cobra.Command{
		Use:   "verify BUNDLE",
		Short: "Tell whether an evidence bundle is as it was packed",
		Long: "Holds every file of a bundle (`" + a.name + " run --bundle`) against its manifest, and, with --key, the manifest\n" +
			"against its signature, and tells by name what was altered, added or taken out. It needs no cluster and no network.\n" +
			"Without --key it tells damage from none, and nothing of who packed the bundle: whoever alters a file can alter its\n" +
			"digest too.\n\n" +
			"Exit codes: 0 it is whole, and by the owner of the key where one is given; 1 it is not; 2 usage, or no bundle; 4 it\n" +
			"cannot be read.",
		Example: fmt.Sprintf("  %[1]s verify out/evidence.tar.gz --key cosign.pub", a.name),
		Args:    oneBundle,
		RunE:    func(_ *cobra.Command, args []string) error { return o.run(args[0]) },
	}
	c.Flags().StringVar(&o.key, "key", "", "public key (PEM) of who is expected to have signed it")
	_ = c.MarkFlagFilename("key") // fails for unknown flags only
	return c
}

func oneBundle(c *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return seeHelp(c, fmt.Errorf("`%s` takes one bundle, but got %d", c.CommandPath(), len(args)))
}

func (o *verifying) run(path string) error {
	var key *bundle.Verifier
	if o.key != "" {
		var err error
		if key, err = bundle.LoadVerifier(o.key); err != nil {
			return fmt.Errorf("--key: %w", err)
		}
	}
	in, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		return cannotRun(err)
	}
	defer func() { _ = in.Close() }()
	v, err := bundle.Verify(in, reports.ReadManifest, key)
	switch {
	case errors.Is(err, bundle.ErrNoBundle):
		return fmt.Errorf("%s: %w", path, err)
	case err != nil:
		return cannotRun(err)
	}
	for _, wrong := range v.Wrong {
		fmt.Fprintf(o.out, "%s: %s\n", path, reports.Harmless(wrong))
	}
	if len(v.Wrong) > 0 {
		return &exit{code: 1}
	}
	fmt.Fprintf(o.out, "%s: %d files, all as they were packed; %s\n", path, v.Files, o.signature(v))
	return nil
}

func (o *verifying) signature(v *bundle.Verified) string {
	switch {
	case v.Checked:
		return "signed by the key in " + o.key
	case v.Signed:
		return "signed, by whom was not asked (--key)"
	}
	return "not signed, so that whoever altered it may have altered the digests too"
}
