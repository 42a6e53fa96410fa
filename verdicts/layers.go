package verdicts

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// Layer says how one layer of a wall stood by itself, as far as attempts showed it.
type Layer string

// The layers' states. A layer is unseen where something else stopped all that would
// have shown it.
const (
	LayerOpen    Layer = "open"
	LayerUnknown Layer = "not known"
	LayerUnseen  Layer = "not seen"
	LayerHolds   Layer = "holds"
)

// PairLayers are the layers between two tenants. The network holds where no probe
// without a proxy got a connection. The mesh holds where requests without an
// identity got one and were denied, and such with an identity were forbidden.
type PairLayers struct {
	From, To      string // tenants, or their shadows
	Network, Mesh Layer
}

// Layers gathers those of all pairs from the mesh suite's results. The zero value
// has none.
type Layers struct {
	of map[[2]string]*layersSeen
}

// layersSeen is what a pair's results showed.
type layersSeen struct {
	connected, stopped   bool // of attempts without a proxy
	through              bool // to a workload, by any
	unidentified, denied bool // that the mesh denied, without and with an identity
	noNetwork, noMesh    bool // that gave no evidence
}

// Add takes a result in.
func (l *Layers) Add(r *Result) {
	if r.Suite != "mesh" || r.Out || r.Address == suites.ProxyView || r.Expect != suites.Denied || r.Verdict == Skipped {
		return
	}
	if l.of == nil {
		l.of = map[[2]string]*layersSeen{}
	}
	pair := [2]string{r.From.Who(), r.To.Who()}
	seen := l.of[pair]
	if seen == nil {
		seen = &layersSeen{}
		l.of[pair] = seen
	}
	if !r.From.Sidecar {
		seen.network(r)
	}
	if r.Check != "proxy-port" {
		seen.mesh(r)
	}
}

func (s *layersSeen) network(r *Result) {
	switch {
	case r.connected():
		s.connected = true
	case r.Verdict == Inconclusive:
		s.noNetwork = true
	default:
		s.stopped = true
	}
}

func (s *layersSeen) mesh(r *Result) {
	switch {
	case (r.Verdict == Leak || r.Verdict == Excepted) && through(r.Outcome):
		s.through = true
	case r.Verdict == Inconclusive:
		s.noMesh = true
	case !r.From.Sidecar:
		s.unidentified = s.unidentified || r.connected()
	default:
		s.denied = s.denied || r.Outcome == probes.Forbidden || r.Outcome == probes.Unauthenticated
	}
}

// connected says that the attempt got beyond connecting in any round. Of a source
// with a proxy it is the proxy that it connects to.
func (r *Result) connected() bool {
	return slices.ContainsFunc(r.Evidence.Rounds, func(round Round) bool {
		return through(round.Outcome) || beyondConnecting(round.Phase)
	})
}

// heldByMeshAlone judges a denial of a source without a proxy that the network let
// connect to a workload, where the tenancy promises that the network holds by
// itself. One connection is enough, unless it may be that the wall came up late.
func heldByMeshAlone(r Result, c Case, rules Rules) (leak Result, is bool) {
	a := c.Attempt
	if !rules.Network || a.Suite != "mesh" || !a.To.Proxied || a.From.Proxied || a.Proxy != "" || a.Form != "" {
		return r, false
	}
	if !slices.ContainsFunc(c.Rounds, connectedAndDenied) {
		return r, false
	}
	why := fmt.Sprintf("the network let %s connect to %s on port %d, and what stopped it stands behind that, as a mesh does (%s); the network is "+
		"promised to hold by itself (promises.layers)", c.From.Who(), c.To.Who(), a.Port.Number, rounds(c))
	if atFirstOnly(c, connectedAndDenied) && stoppedLater(c, rules) && c.Rounds[0].startsUp(c) {
		r.Startup, r.Severity = true, a.Severity.Down().String()
		why += ", but only in the first seconds of its pods' life"
	}
	return r.as(Leak, why), true
}

// connectedAndDenied says that an attempt ended behind its connection.
func connectedAndDenied(s Seen) bool {
	return s.Observation != nil && s.Outcome != probes.Error && s.Outcome != "" && beyondConnecting(s.Observation.Phase)
}

func beyondConnecting(p probes.Phase) bool {
	return p != "" && p != probes.PhaseResolve && p != probes.PhaseConnect
}

// Pairs are all of them, those that a layer stands open in first, then by name.
func (l *Layers) Pairs() []PairLayers {
	var all []PairLayers
	for pair, seen := range l.of {
		all = append(all, PairLayers{From: pair[0], To: pair[1], Network: seen.networkLayer(), Mesh: seen.meshLayer()})
	}
	slices.SortFunc(all, func(a, b PairLayers) int {
		return cmp.Or(b.open()-a.open(), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return all
}

// open counts the layers that stand open.
func (p PairLayers) open() int {
	n := 0
	for _, l := range []Layer{p.Network, p.Mesh} {
		if l == LayerOpen {
			n++
		}
	}
	return n
}

func (s *layersSeen) networkLayer() Layer {
	switch {
	case s.connected:
		return LayerOpen
	case s.noNetwork || !s.stopped:
		return LayerUnknown
	}
	return LayerHolds
}

func (s *layersSeen) meshLayer() Layer {
	switch {
	case s.through:
		return LayerOpen
	case s.noMesh:
		return LayerUnknown
	case s.unidentified && s.denied:
		return LayerHolds
	}
	return LayerUnseen
}
