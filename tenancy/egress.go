package tenancy

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Egress is what the platform says of the ways out of a tenant's pods, and
// where to try them.
type Egress struct {
	Internet, Metadata, KubeAPI, Kubelet Promise
	NodePorts                            Promise    // the ports that Services open on the nodes
	AllowedHosts                         []Endpoint // that tenants may reach, whatever else is denied
	InternetHosts                        []Endpoint // that stand for the internet; empty: well-known ones
	Resolvers                            []string   // addresses of DNS servers outside; empty: well-known ones
	DoHResolvers                         []string   // addresses of servers of DNS over HTTPS; empty: none is tried
	CanaryZone                           string     // a DNS zone outside that answers for every name
	Witness                              *Witness   // that sees what arrives outside; nil: there is none
}

// Promise is what is said of a way; empty: nothing.
type Promise string

// The promises.
const (
	WayDenied  Promise = "denied"
	WayAllowed Promise = "allowed"
)

// Endpoint is a host by address or name, and a TCP port.
type Endpoint struct {
	Host string
	Port int
}

// String writes the endpoint as ParseEndpoint reads it.
func (e Endpoint) String() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

// ByName says that the host is a name.
func (e Endpoint) ByName() bool {
	_, err := netip.ParseAddr(e.Host)
	return err != nil
}

const portHTTPS = 443

// ParseEndpoint reads a host with or without a port; without, it is 443.
func ParseEndpoint(s string) (Endpoint, error) {
	host, port := s, strconv.Itoa(portHTTPS)
	if _, err := netip.ParseAddr(s); err != nil && strings.Contains(s, ":") {
		if host, port, err = net.SplitHostPort(s); err != nil {
			return Endpoint{}, fmt.Errorf("bad host %s: want an address or a name, and a port behind a colon where it is not 443", quote(s))
		}
	}
	number, err := portNumber(port)
	if err != nil {
		return Endpoint{}, fmt.Errorf("bad host %s: its port is bad: %w", quote(s), err)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		if err := checkDomain(host); err != nil {
			return Endpoint{}, err
		}
	}
	return Endpoint{Host: host, Port: number}, nil
}

// checkDomain takes DNS names of two labels and more, which no search list can
// make into a name of the cluster's.
func checkDomain(s string) error {
	if !strings.Contains(s, ".") || len(s) > 253 {
		return fmt.Errorf("bad host %s: want an address or a whole DNS name, such as www.example.com", quote(s))
	}
	for label := range strings.SplitSeq(s, ".") {
		bad := strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != ""
		if label == "" || len(label) > 63 || bad || strings.Trim(label, "-") != label {
			return fmt.Errorf("bad host %s: %s is no label of a DNS name", quote(s), quote(label))
		}
	}
	return nil
}

func checkResolver(s string) error {
	if _, err := netip.ParseAddr(s); err != nil {
		return fmt.Errorf("bad resolver %s: want the address of a DNS server", quote(s))
	}
	return nil
}

func parsePromise(s string) (Promise, error) {
	return Promise(s), oneOf("promise", string(WayDenied), string(WayAllowed))(s)
}

func (d *decoder) egress(n *yaml.Node, where string) {
	e := &d.file.Promises.Egress
	promise := func(into *Promise) reader { return parsed(d, parsePromise, set(into)) }
	hosts := func(into *[]Endpoint) reader {
		return d.list(once(d, "host", ParseEndpoint, func(h Endpoint, _ position) { *into = append(*into, h) }))
	}
	d.object(n, where, []field{
		{name: "internet", read: promise(&e.Internet)},
		{name: "metadata", read: promise(&e.Metadata)},
		{name: "kubeAPI", read: promise(&e.KubeAPI)},
		{name: "kubelet", read: promise(&e.Kubelet)},
		{name: "nodePorts", read: promise(&e.NodePorts)},
		{name: "allowedHosts", read: hosts(&e.AllowedHosts)},
		{name: "internetHosts", read: hosts(&e.InternetHosts)},
		{name: "resolvers", read: d.list(once(d, "resolver", checked(checkResolver), func(s string, _ position) { e.Resolvers = append(e.Resolvers, s) }))},
		{name: "dohResolvers", read: d.list(once(d, "resolver", checked(checkResolver), func(s string, _ position) { e.DoHResolvers = append(e.DoHResolvers, s) }))},
		{name: "canaryZone", read: d.text(&e.CanaryZone, checkDomain)},
		{name: "witness", read: d.witness},
	})
}
