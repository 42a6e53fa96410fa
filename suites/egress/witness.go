package egress

import (
	"fmt"
	"slices"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// The checks on the witness outside, by what it speaks on the port, and by a
// name that leaves through the cluster's own resolver.
const (
	witnessCheck  = "witness-"
	checkWitnessZ = witnessCheck + checkExfil
)

var witnessChecks = []string{
	witnessCheck + "http", witnessCheck + "tls", witnessCheck + "tcp", witnessCheck + "udp",
	witnessCheck + "dns", witnessCheck + "dns-tcp", checkWitnessZ,
}

// witness tries the user's own server outside, which sees what arrives also
// where no answer comes back.
func (p *planner) witness() {
	w := p.promises.Witness
	if w == nil {
		return
	}
	for _, port := range w.Ports {
		switch port.Kind {
		case tenancy.WitnessHTTP:
			p.addWitness(w, "http", "tcp", probes.DoHTTP, port)
		case tenancy.WitnessTLS:
			p.addWitness(w, "tls", "tcp", probes.DoTLS, port)
		case tenancy.WitnessTCP:
			p.addWitness(w, "tcp", "tcp", probes.DoTCP, port)
		case tenancy.WitnessUDP:
			p.addWitness(w, "udp", "udp", probes.DoUDP, port)
		case tenancy.WitnessDNS:
			p.addWitness(w, "dns", "udp", probes.DoDNS, port)
			p.addWitness(w, "dns-tcp", "tcp", probes.DoDNS, port)
		}
	}
	p.witnessZone(w)
}

func (p *planner) addWitness(w *tenancy.Witness, kind, protocol string, do probes.Do, port tenancy.WitnessPort) {
	a := p.add(witnessCheck+kind, "internet", tenancy.Endpoint{Host: w.Address, Port: port.Number}, p.promises.Internet, tenancy.Low,
		fmt.Sprintf("in namespace %s, let a NetworkPolicy that selects every pod allow egress to its own tenant, to the resolver "+
			"and to the hosts that it needs only", p.from.Namespace))
	a.Witnessed, a.Do, a.Port.Protocol = true, do, protocol
	if do == probes.DoDNS {
		a.Lookup = suites.Lookup{Of: suites.WitnessRecord, Type: "TXT", Over: protocol}
	}
	if slices.Contains(w.Tenants, p.from.Tenant) {
		a.Expect, a.Reason = suites.Allowed, "promises.egress.witness.tenants"
	}
}

// witnessZone has the cluster's resolver ask for a name of which the witness is
// the name server: who may use the witness itself may do no such thing for it.
func (p *planner) witnessZone(w *tenancy.Witness) {
	at := slices.IndexFunc(w.Ports, func(p tenancy.WitnessPort) bool { return p.Kind == tenancy.WitnessDNS })
	if w.Zone == "" || at < 0 {
		return
	}
	a := p.add(checkWitnessZ, "internet", tenancy.Endpoint{Host: w.Zone, Port: w.Ports[at].Number}, p.promises.Internet, tenancy.Low, exfiltrationRemedy)
	a.Witnessed, a.Do, a.Port.Protocol, a.Address = true, probes.DoDNS, "udp", suites.Resolver
	a.Lookup = suites.Lookup{Of: suites.WitnessRecord, Type: "TXT", Over: "udp"}
}
