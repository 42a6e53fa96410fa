package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/witness"
)

// watching is the witness command's own flags.
type watching struct {
	*app
	key     string
	listen  []string
	options witness.Options
}

func newWitness(a *app) *cobra.Command {
	o := &watching{app: a}
	c := &cobra.Command{
		Use:   "witness",
		Short: "Record outside the cluster what arrives from it",
		Long: "Runs until it is ended, outside the cluster, where tenants must not get to. It records every arrival on its ports in\n" +
			"bounded memory, answers the attempts of runs that have its key and nobody else, and tells those runs, over TLS on\n" +
			"the control port, what arrived. promises.egress.witness in the tenancy file says where it is.",
		Example: fmt.Sprintf("  openssl rand -base64 32 > witness.key\n"+
			"  %[1]s witness --key witness.key\n"+
			"  %[1]s run -f tenancy.yaml --witness-key witness.key", a.name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "file with the key: 32 random bytes in base64 (required)")
	f.StringVar(&o.options.Host, "host", "", "address to listen on for what arrives (default all)")
	f.StringSliceVar(&o.listen, "listen", strings.Split(portList(tenancy.WitnessPorts()), ","), "ports for what arrives, each with what it speaks: http, tls, tcp, udp, dns")
	f.StringVar(&o.options.Control, "control", fmt.Sprintf(":%d", tenancy.WitnessControlPort), "address and port for runs that ask what arrived")
	_ = c.MarkFlagFilename("key") // fails for unknown flags only
	return c
}

func portList(ports []tenancy.WitnessPort) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = p.String()
	}
	return strings.Join(words, ",")
}

func (o *watching) run(c *cobra.Command) error {
	if o.key == "" {
		return seeHelp(c, fmt.Errorf("--key is missing: the file with the key that the witness and its runs share"))
	}
	for _, word := range o.listen {
		port, err := tenancy.ParseWitnessPort(word)
		if err != nil {
			return fmt.Errorf("--listen: %w", err)
		}
		o.options.Ports = append(o.options.Ports, port)
	}
	var err error
	if o.options.Key, err = witness.ReadKey(o.key); err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	server, err := witness.Listen(o.options)
	if err != nil {
		return cannotRun(err)
	}
	fmt.Fprintf(o.err, "the witness records %s and is asked on %s\n", portList(o.options.Ports), server.Control())
	if err := server.Serve(c.Context()); err != nil {
		return cannotRun(err)
	}
	return nil
}
