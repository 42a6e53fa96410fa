package verdicts

import (
	"fmt"

	"github.com/partywall/partywall/probes"
)

// nobodyByProxy says that a port of a mesh's proxy answers nobody on the pod's
// address, its own tenant neither: it is for the pod itself alone, or none.
func nobodyByProxy(c Case) string {
	if c.Attempt.Proxy == "" || len(c.Rounds) < Rounds {
		return ""
	}
	for _, s := range c.Rounds {
		if s.Control.Rung == RungNone || s.Control.Rung == "" {
			return ""
		}
		for _, o := range []probes.Outcome{s.Control.Before, s.Control.During, s.Control.After} {
			if o == "" || o == probes.Error || through(o) {
				return ""
			}
		}
	}
	return fmt.Sprintf("port %d of the proxy answers nobody on the address of a pod of %s, not even its own pods from %s",
		c.Attempt.Port.Number, c.To.Tenant, node(c))
}
