package runner

import (
	"fmt"
	"net/netip"

	"github.com/partywall/partywall/probes"
)

// collection is what one target received in one round.
type collection struct {
	receipts []probes.Receipt
	fault    string
}

// attribution finds for each arrival at one target the shots that it may have
// come from.
type attribution struct {
	nodes *nodes
	pods  map[netip.Addr]*pod // the run's own
	known map[string]*shot    // every nonce of the run
}

// settle writes the arrivals of a collection into the shots of its round. What
// cannot be told apart counts against all that it may be.
func (a *attribution) settle(shots []*shot, got collection) {
	if got.fault != "" {
		for _, s := range shots {
			s.arrivals.Fault = got.fault
		}
		return
	}
	byPort := map[string][]*shot{}
	for _, s := range shots {
		byPort[portKey(s.proto, s.port)] = append(byPort[portKey(s.proto, s.port)], s)
	}
	for _, r := range got.receipts {
		if s := a.known[r.Nonce]; r.Nonce != "" && s != nil {
			s.arrivals.Certain++
			continue
		}
		a.settleLoose(byPort[portKey(r.Proto, r.Port)], r)
	}
}

func portKey(proto string, port int) string { return fmt.Sprintf("%s/%d", proto, port) }

// settleLoose attributes an arrival that brought no nonce of the run: by its
// socket, by its pod, or by where an address may have been rewritten.
func (a *attribution) settleLoose(shots []*shot, r probes.Receipt) {
	ip, port := addressOf(r.Remote)
	if from, ok := a.pods[ip]; ok {
		settlePod(shots, from, port)
		return
	}
	node := a.nodes.of(ip)
	for _, s := range shots {
		if node == "" || node == s.source.node {
			s.arrivals.Possible++
			s.arrivals.From = ip.String()
		}
	}
}

func settlePod(shots []*shot, from *pod, port int) {
	var all []*shot
	for _, s := range shots {
		if s.source != from {
			continue
		}
		all = append(all, s)
		if _, local := addressOf(s.localAddress()); local == port && local != 0 {
			s.arrivals.Certain++
			return
		}
	}
	for _, s := range all {
		s.arrivals.Certain++
	}
}

func (s *shot) localAddress() string {
	if s.observation == nil {
		return ""
	}
	return s.observation.Local
}
