package verdicts

import (
	"fmt"

	"github.com/partywall/partywall/probes"
)

// noSCTP says why no attempt by SCTP ever left its source, where its kernel has
// none or keeps it from the container. Whatever else fails is judged as by any
// other protocol: a network that loses it may well be a wall.
func noSCTP(c Case) string {
	for _, s := range c.Rounds {
		if s.Observation == nil || !probes.LacksSCTP(*s.Observation) {
			return ""
		}
	}
	if len(c.Rounds) < Rounds {
		return ""
	}
	return fmt.Sprintf("nothing can be sent by SCTP from node %s: %s", c.From.Node, c.Rounds[0].Observation.Error)
}

// nobodyBySCTP says that SCTP is lost to everybody, as on a network that does
// not carry it, which many are that carry TCP. Whoever guards such pods needs no
// wall against it, and has none that could be seen.
func nobodyBySCTP(c Case) string {
	if c.Attempt.Do != probes.DoSCTP || !deafToAll(c) {
		return ""
	}
	return fmt.Sprintf("by SCTP %s answers nobody, not even its own pods from %s: what the network carries for none tells nothing of a wall", c.To.Tenant, node(c))
}
