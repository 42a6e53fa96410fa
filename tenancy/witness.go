package tenancy

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Witness is a server of the user's outside the cluster, `partywall witness`,
// that records what arrives. Its key is no part of the file.
type Witness struct {
	Address string        // at which tenants try it
	Control string        // address:port at which the runner asks it
	Ports   []WitnessPort // that it listens on
	Zone    string        // a DNS zone whose name server it is; empty: none
	Tenants []string      // who may reach it, and so show that it can be reached
}

// WitnessPort is a port of a witness, and what it speaks there: udp/4444.
type WitnessPort struct {
	Kind   string
	Number int
}

// What a witness speaks.
const (
	WitnessHTTP = "http"
	WitnessTLS  = "tls"
	WitnessTCP  = "tcp"
	WitnessUDP  = "udp"
	WitnessDNS  = "dns"
)

// WitnessControlPort is where a witness is asked what arrived, if nothing else
// is said.
const WitnessControlPort = 9443

// WitnessPorts are those that a witness has if nothing else is said: the usual
// ways out, and 4444, which no policy opens for any purpose.
func WitnessPorts() []WitnessPort {
	return []WitnessPort{{WitnessHTTP, 80}, {WitnessTLS, 443}, {WitnessTCP, 4444}, {WitnessUDP, 4444}, {WitnessDNS, 53}}
}

// String writes the port as ParseWitnessPort reads it.
func (p WitnessPort) String() string { return p.Kind + "/" + strconv.Itoa(p.Number) }

// ParseWitnessPort reads KIND/NUMBER.
func ParseWitnessPort(s string) (WitnessPort, error) {
	kind, number, _ := strings.Cut(s, "/")
	n, err := portNumber(number)
	switch kind {
	case WitnessHTTP, WitnessTLS, WitnessTCP, WitnessUDP, WitnessDNS:
	default:
		err = errNotANumber
	}
	if err != nil {
		return WitnessPort{}, fmt.Errorf("bad port %s: want http/NUMBER, tls/NUMBER, tcp/NUMBER, udp/NUMBER or dns/NUMBER", quote(s))
	}
	return WitnessPort{Kind: kind, Number: n}, nil
}

func checkAddress(s string) error {
	if _, err := netip.ParseAddr(s); err != nil {
		return fmt.Errorf("bad address %s: want an IP address", quote(s))
	}
	return nil
}

// checkControl takes a host of any kind: the runner asks it, and no tenant.
func checkControl(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = portNumber(port)
	}
	if err != nil || host == "" {
		return fmt.Errorf("bad control %s: want a host and a port, such as 203.0.113.30:%d", quote(s), WitnessControlPort)
	}
	return nil
}

func (d *decoder) witness(n *yaml.Node, where string) {
	w := &Witness{}
	d.object(n, where, []field{
		{name: "address", required: true, read: d.text(&w.Address, checkAddress)},
		{name: "control", read: d.text(&w.Control, checkControl)},
		{name: "ports", read: d.list(once(d, "port", ParseWitnessPort, func(p WitnessPort, _ position) { w.Ports = append(w.Ports, p) }))},
		{name: "zone", read: d.text(&w.Zone, checkDomain)},
		{name: "tenants", read: d.list(once(d, "tenant", checked(checkTenantName), func(tenant string, at position) {
			w.Tenants = append(w.Tenants, tenant)
			d.mentioned(tenant, at)
		}))},
	})
	if w.Zone != "" && w.Ports != nil && !slices.ContainsFunc(w.Ports, func(p WitnessPort) bool { return p.Kind == WitnessDNS }) {
		d.add(positionOf(n), "%s: it is the name server of %s, but ports lists no dns/NUMBER", where, quote(w.Zone))
	}
	if w.Control == "" {
		w.Control = net.JoinHostPort(w.Address, strconv.Itoa(WitnessControlPort))
	}
	if w.Ports == nil {
		w.Ports = WitnessPorts()
	}
	d.file.Promises.Egress.Witness = w
}
