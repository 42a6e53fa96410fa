package verdicts

import (
	"fmt"

	"github.com/partywall/partywall/probes"
)

// misnamed says whom the source's own workload was told of, in another's stead.
func misnamed(c Case) string {
	for _, s := range c.Rounds {
		if s.Outcome == probes.Reached {
			return fmt.Sprintf("the proxy of %s lets a client say who it is: it told its workload that %s asked, as the client had it", c.From.Who(), s.Observation.Answers[0])
		}
	}
	return ""
}

// named says that the source's own workload was not told of whom its client named.
func named(c Case) string {
	who := "nobody"
	if caller := c.Rounds[len(c.Rounds)-1].Observation.Header[probes.CallerHeader]; caller != "" {
		who = caller
	}
	return fmt.Sprintf("the proxy of %s told its workload that %s asked it, and in none of %d rounds that it was %s, as the client had it",
		c.From.Who(), who, len(c.Rounds), c.To.Who())
}
