package runner

import (
	"fmt"
	"net/netip"

	"github.com/partywall/partywall/probes"
)

// collection is what one target handed over at a time.
type collection struct {
	receipts []probes.Receipt
	lost     uint64 // of its life so far
	gap      bool   // between this collection and the one before, or within
	fault    string
}

// since is a collection as evidence of all that came after an earlier one,
// which it is only where that one came whole too.
func (c collection) since(earlier collection) collection {
	switch {
	case c.fault != "":
	case earlier.fault != "":
		c.fault = earlier.fault
	case c.lost != earlier.lost:
		c.fault = "arrivals overflowed its memory, or that of its socket"
	case c.gap || earlier.gap: // a late arrival may have been among the earlier ones
		c.fault = "some of them were lost on the way"
	}
	return c
}

// attribution finds for each arrival at one target the shots that it may have
// come from.
type attribution struct {
	nodes *nodes
	pods  map[netip.Addr]*pod // the run's own
	known map[string]*shot    // every nonce of the run
	// witness is the target that anybody on the internet can reach; nil: none.
	witness *pod
}

// settle writes the arrivals of a collection into the shots of its round. What
// cannot be told apart counts against all that it may be. A nonce is proof of
// its arrival whatever else the collection lacks.
func (a *attribution) settle(target *pod, shots []*shot, got collection) {
	rest := a.settleNonces(target, got.receipts)
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
	for _, r := range rest {
		a.settleLoose(target, byPort[portKey(r.Proto, r.Port)], r)
	}
}

// settleNonces attributes the arrivals that brought a nonce of the run, at
// whichever target, and returns the others.
func (a *attribution) settleNonces(target *pod, receipts []probes.Receipt) (rest []probes.Receipt) {
	for _, r := range receipts {
		s := a.known[r.Nonce]
		if r.Nonce == "" || s == nil {
			rest = append(rest, r)
			continue
		}
		if s.order.Do.Inward() {
			continue // at its own pod, as it ought to
		}
		s.arrivals.Certain++
		s.arrivals.Proven = s.arrivals.Proven || s.target == target
	}
	return rest
}

// portKey names what an arrival and an attempt have in common. A target tells
// HTTP, TLS and the rest from TCP by its listeners; on the wire they are the same.
func portKey(proto string, port int) string {
	if proto != string(probes.DoUDP) && proto != string(probes.DoSCTP) {
		proto = string(probes.DoTCP)
	}
	return fmt.Sprintf("%s/%d", proto, port)
}

// settleLoose attributes an arrival that brought no nonce of the run: by its
// socket, by its pod, or by where an address may have been rewritten. The
// target's own address is a proxy's in its pod, which may speak for anybody; by
// the loopback of a pod that has nothing but the probe comes only the probe's
// call on its own listeners. A mesh's proxy connects to its workload before it has
// read what to let through: until it hands on a byte, nothing of anybody's has
// arrived.
func (a *attribution) settleLoose(target *pod, shots []*shot, r probes.Receipt) {
	ip, port := addressOf(r.Remote)
	if ip.IsLoopback() && target.alone || r.ByProxy() && target.sidecar && !r.Heard {
		return
	}
	from, ours := a.pods[ip]
	if ours && from != target {
		settlePod(shots, from, port)
		return
	}
	node := ""
	if !ours {
		node = a.nodes.of(ip)
	}
	for _, s := range shots {
		if node == "" && target == a.witness && !s.stood() {
			continue // one of the strangers who try every address there is
		}
		if node == "" || node == s.source.node || node == s.via {
			s.arrivals.Possible++
			s.arrivals.From = ip.String()
		}
	}
}

// settlePod counts an arrival against the shots of a pod that its socket says
// it is (a port is used again), or against all of them.
func settlePod(shots []*shot, from *pod, port int) {
	var all, same []*shot
	for _, s := range shots {
		if s.source != from {
			continue
		}
		all = append(all, s)
		if s.boundTo(port) {
			same = append(same, s)
		}
	}
	if len(same) > 0 {
		all = same
	}
	for _, s := range all {
		s.arrivals.Certain++
	}
}

func (s *shot) boundTo(port int) bool {
	_, now := addressOf(s.localAddress())
	_, before := addressOf(s.earlier)
	return port != 0 && (now == port || before == port)
}

func (s *shot) localAddress() string {
	if s.observation == nil {
		return ""
	}
	return s.observation.Local
}
