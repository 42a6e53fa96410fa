package verdicts

import (
	"fmt"

	"github.com/partywall/partywall/probes"
)

// closedToHeads says that a real service turned the requests of its own tenant
// down as it did the attempts, by its own answer: then HTTP tells nothing, and
// what the connection tells is judged by itself.
func closedToHeads(c Case) string {
	if c.Attempt.Do != probes.DoHead || c.Attempt.Service == "" || len(c.Rounds) < Rounds {
		return ""
	}
	for _, s := range c.Rounds {
		if s.Observation == nil || s.Observation.Status == 0 || !turnedDown(s.Outcome) ||
			!turnedDown(s.Control.Before) || !turnedDown(s.Control.During) || !turnedDown(s.Control.After) {
			return ""
		}
	}
	return fmt.Sprintf("Service %s answers HTTP HEAD with status %d, and nothing else to %s itself: whether others may reach it, the connection tells",
		c.Attempt.Service, c.Rounds[0].Observation.Status, c.To.Tenant)
}

// turnedDown is what an answer comes to that may be the service's own refusal.
func turnedDown(o probes.Outcome) bool {
	return o == probes.Unauthenticated || o == probes.Forbidden || o == probes.Error
}
