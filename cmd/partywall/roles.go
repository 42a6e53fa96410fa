package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/partywall/partywall/manifests"
)

type granting struct {
	*app
	roles manifests.Roles
	image string
}

func newRoles(a *app) *cobra.Command {
	o := &granting{app: a}
	c := &cobra.Command{
		Use:   "roles",
		Short: "Print the roles of a runner, ready to be applied",
		Long: "Prints the manifests of an account that a runner needs, with what it may do and where: in the namespaces that are\n" +
			"named, or in all. A fence holds it there to what a run does, by a ValidatingAdmissionPolicy.",
		Example: fmt.Sprintf("  %[1]s roles --namespace acme-web,globex-api | kubectl apply -f -\n"+
			"  %[1]s roles --cluster-wide --fence | kubectl apply -f -", a.name),
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return o.print() },
	}
	f := c.Flags()
	f.StringSliceVarP(&o.roles.Namespaces, "namespace", "n", nil, "let it work in these namespaces, the tenants'")
	f.BoolVar(&o.roles.ClusterWide, "cluster-wide", false, "let it work in every namespace, also in those to come")
	f.BoolVar(&o.roles.Fence, "fence", false, "refuse what no run does, such as Jobs of any other image")
	f.BoolVar(&o.roles.Shadows, "shadows", false, "let it put out shadows of workloads, and look at what forbids them")
	f.BoolVar(&o.roles.Admission, "admission", false, "let it create pods as a dry run, to ask what admission lets tenants have; the fence keeps it to that")
	f.StringSliceVar(&o.roles.Accounts, "shadow-account", nil, "service account, as NAMESPACE/ACCOUNT, that the fence lets shadows have besides default")
	f.StringVar(&o.image, "probe-image", defaultImage, "image that the fence lets through, by any tag or digest")
	c.MarkFlagsMutuallyExclusive("namespace", "cluster-wide")
	return c
}

func (o *granting) print() error {
	for _, ns := range o.roles.Namespaces {
		if wrong := validation.IsDNS1123Label(ns); len(wrong) > 0 {
			return fmt.Errorf("--namespace: %q is no name of a namespace: %s", ns, strings.Join(wrong, "; "))
		}
	}
	for _, account := range o.roles.Accounts {
		ns, name, both := strings.Cut(account, "/")
		if !both || len(validation.IsDNS1123Label(ns))+len(validation.IsDNS1123Subdomain(name)) > 0 {
			return fmt.Errorf("--shadow-account: %q is no NAMESPACE/ACCOUNT", account)
		}
	}
	if len(o.roles.Accounts) > 0 && !(o.roles.Fence && o.roles.Shadows) {
		return errors.New("--shadow-account: only the fence goes by the accounts of shadows; add --fence and --shadows")
	}
	if o.image != defaultImage && !o.roles.Fence {
		return errors.New("--probe-image: only the fence goes by the image; add --fence")
	}
	if _, err := name.ParseReference(o.image); err != nil {
		return fmt.Errorf("--probe-image: %w", err)
	}
	o.roles.Repository = manifests.Repository(o.image)
	text, err := o.roles.YAML()
	if err != nil {
		return err
	}
	_, err = o.out.Write(text)
	return err
}
