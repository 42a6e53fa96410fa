package main

import (
	"errors"
	"slices"
	"strconv"

	"github.com/partywall/partywall/probes"
)

func appendPort(ports *[]int) func(string) error {
	return func(s string) error {
		port, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return errors.New("not a port")
		}
		*ports = append(*ports, int(port))
		return nil
	}
}

// addStandard opens the standard port of each kind that none was named for. A
// number that was named for another kind is left to that one: a tenant's own
// ports go before those of the probe.
func addStandard(p *probes.Ports) {
	named := slices.Concat([]int{p.HTTP, p.Health}, p.H2C, p.TLS, p.TCP, p.Banner)
	standard := probes.DefaultPorts()
	if len(p.SCTP) == 0 {
		p.SCTP = standard.SCTP
	}
	for _, kind := range []struct {
		ports    *[]int
		standard []int
	}{
		{&p.H2C, standard.H2C},
		{&p.TLS, standard.TLS},
		{&p.Banner, standard.Banner},
	} {
		if len(*kind.ports) == 0 {
			*kind.ports = slices.DeleteFunc(kind.standard, func(port int) bool { return slices.Contains(named, port) })
		}
	}
}
