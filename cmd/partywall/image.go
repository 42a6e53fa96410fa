package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/probes/image"
)

// newImage makes the commands for clusters that cannot pull the probe's image
// from where it is published.
func newImage(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "image",
		Short: "Save or push the probe's image, which this program carries",
		Long: "This program carries the image of its own probe, for " + strings.Join(platforms(), " and ") + ". A cluster that cannot\n" +
			"pull " + defaultImage + " gets it from here.",
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newImageSave(a), newImagePush(a))
	return c
}

// savedImage is where the image goes where nobody says otherwise.
const savedImage = "partywall-probe.tar"

func newImageSave(a *app) *cobra.Command {
	var platform string
	c := &cobra.Command{
		Use:   "save [PATH]",
		Short: "Write the probe's image to a file that nodes load",
		Long: "Writes the image to a file, " + savedImage + " by default, under the name that `" + a.name + " run` uses:\n" +
			"as an OCI archive for all platforms, or, of one platform, as the archive that `docker load` reads too.",
		Example: fmt.Sprintf("  %[1]s image save && kind load image-archive %[2]s\n"+
			"  %[1]s image save && ctr -n k8s.io images import %[2]s\n"+
			"  %[1]s image save --platform linux/arm64 probe-arm64.tar", a.name, savedImage),
		Args: atMostOne("PATH"),
		RunE: func(c *cobra.Command, args []string) error {
			path := savedImage
			if len(args) > 0 {
				path = args[0]
			}
			if platform != "" && !slices.Contains(platforms(), platform) {
				return seeHelp(c, fmt.Errorf("--platform: the probe is not built for %q; there is: %s", platform, strings.Join(platforms(), ", ")))
			}
			return a.saveImage(path, platform)
		},
	}
	c.Flags().StringVar(&platform, "platform", "", "only this one: "+strings.Join(platforms(), ", "))
	complete(c, "platform", platforms()...)
	return c
}

func newImagePush(a *app) *cobra.Command {
	var insecure bool
	c := &cobra.Command{
		Use:   "push REF",
		Short: "Push the probe's image to a registry that nodes pull from",
		Long: "Pushes the image for all platforms, with the credentials that docker or podman logged in with, and prints the name\n" +
			"by which `" + a.name + " run --probe-image` means this very image. Without a tag REF gets the program's version.",
		Example: fmt.Sprintf("  %[1]s run --probe-image \"$(%[1]s image push registry.example.com/partywall/probe)\"", a.name),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return seeHelp(c, fmt.Errorf("`%s` takes one argument, the name to push to, but got %d", c.CommandPath(), len(args)))
		},
		RunE: func(c *cobra.Command, args []string) error { return a.pushImage(c.Context(), args[0], insecure) },
	}
	c.Flags().BoolVar(&insecure, "insecure", false, "also to a registry without TLS, or with a certificate that nothing vouches for")
	return c
}

func (a *app) saveImage(path, platform string) error {
	if platform != "" {
		return a.saveOne(path, strings.TrimPrefix(platform, "linux/"))
	}
	index, err := image.Index(a.probe, version)
	if err != nil {
		return cannotRun(err)
	}
	if err := image.WriteArchive(path, defaultImage, index); err != nil {
		return cannotRun(err)
	}
	return a.saved(path, platforms()...)
}

func (a *app) saveOne(path, arch string) error {
	binary, err := a.probe(arch)
	if err != nil {
		return cannotRun(err)
	}
	img, err := image.Build(binary, arch, version)
	if err != nil {
		return err
	}
	if err := image.WriteTarball(path, defaultImage, img); err != nil {
		return cannotRun(err)
	}
	return a.saved(path, "linux/"+arch)
}

// saved says what is where, beside an archive that may go to standard output.
func (a *app) saved(path string, platforms ...string) error {
	_, err := fmt.Fprintf(a.err, "wrote %s: %s for %s\n", path, defaultImage, strings.Join(platforms, ", "))
	return err
}

func (a *app) pushImage(ctx context.Context, ref string, insecure bool) error {
	tag, err := image.Tag(ref, version, insecure)
	if err != nil {
		return fmt.Errorf("REF: %w", err)
	}
	index, err := image.Index(a.probe, version)
	if err != nil {
		return cannotRun(err)
	}
	digest, err := image.Push(ctx, tag, index, insecure)
	if err != nil {
		return cannotRun(err)
	}
	_, err = fmt.Fprintln(a.out, digest)
	return err
}

func platforms() []string {
	var all []string
	for _, arch := range image.Architectures {
		all = append(all, "linux/"+arch)
	}
	return all
}

// atMostOne takes one argument or none.
func atMostOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= 1 {
			return nil
		}
		return seeHelp(c, fmt.Errorf("`%s` takes one %s, but got %q too", c.CommandPath(), what, args[1]))
	}
}
