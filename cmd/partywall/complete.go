package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/tenancy"
)

// complete tells the shell the values of a flag.
func complete(c *cobra.Command, flag string, values ...string) {
	completeBy(c, flag, func() []string { return values })
}

// completeBy tells the shell what a flag may be, once it asks.
func completeBy(c *cobra.Command, flag string, values func() []string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	}) // fails for unknown flags only
}

// refuseUnknownShells makes the completion command, and of a shell that it has
// no script for an error: its help would be sourced in the script's place.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = knownCommand
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
}

// completeConnection tells the shell what the kubeconfig names. One that
// cannot be read names nothing.
func completeConnection(root *cobra.Command, flags *genericclioptions.ConfigFlags) {
	for flag, names := range map[string]func(clientcmdapi.Config) []string{
		"context": func(k clientcmdapi.Config) []string { return slices.Sorted(maps.Keys(k.Contexts)) },
		"cluster": func(k clientcmdapi.Config) []string { return slices.Sorted(maps.Keys(k.Clusters)) },
		"user":    func(k clientcmdapi.Config) []string { return slices.Sorted(maps.Keys(k.AuthInfos)) },
	} {
		completeBy(root, flag, func() []string {
			raw, err := flags.ToRawKubeConfigLoader().RawConfig()
			if err != nil {
				return nil
			}
			return names(raw)
		})
	}
}

// listedTenants are those that a tenancy file lists: a shell must not wait for
// a cluster to say which labels there are.
func listedTenants(path string) []string {
	file, err := tenancy.Load(path)
	if err != nil {
		return nil
	}
	var names []string
	for _, t := range file.List {
		names = append(names, t.Name)
	}
	return names
}

// completeReport tells the shell the formats, and leaves the path to it.
func completeReport(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(typed, "=") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var formats []string
	for _, name := range reports.Formats() {
		formats = append(formats, name+"=")
	}
	return formats, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}
