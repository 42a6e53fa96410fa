package probes

import (
	"os"
	"strings"
)

// resolvConf is what a pod's resolv.conf says.
type resolvConf struct {
	nameservers []string
	search      []string
}

// resolvers reads the pod's own; one that cannot be read says nothing.
func (s *Source) resolvers() resolvConf {
	path := s.resolvConf
	if path == "" {
		path = "/etc/resolv.conf"
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return resolvConf{}
	}
	return parseResolvConf(string(text))
}

func parseResolvConf(text string) resolvConf {
	var c resolvConf
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			c.nameservers = append(c.nameservers, fields[1])
		case "search":
			c.search = fields[1:] // the last such line holds
		}
	}
	return c
}
