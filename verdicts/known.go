package verdicts

import (
	"fmt"
	"strings"

	"github.com/partywall/partywall/probes"
)

// shownNames is how many of the names that a proxy knows are told.
const shownNames = 3

// knownLeak says what a source's own proxy knows of another tenant's.
func knownLeak(c Case) string {
	for _, s := range c.Rounds {
		if s.Outcome != probes.Reached {
			continue
		}
		names := s.Observation.Answers
		text := strings.Join(names[:min(len(names), shownNames)], ", ")
		if len(names) > shownNames {
			text += " and more"
		}
		return fmt.Sprintf("the proxy of %s has been told of Services of %s: %s (%s)", c.From.Who(), c.To.Who(), text, viewWords(s))
	}
	return ""
}

// hidden says that a source's own proxy knows nothing of another tenant's.
func hidden(c Case) string {
	return fmt.Sprintf("the proxy of %s knows no Service of %s in either of %d rounds, while it knows its own (%s); what is hidden is not denied",
		c.From.Who(), c.To.Who(), len(c.Rounds), viewWords(c.Rounds[len(c.Rounds)-1]))
}

func viewWords(s Seen) string {
	v := s.Observation.Proxy
	if v == nil {
		return "of how much is not known"
	}
	return fmt.Sprintf("of %d clusters with %d endpoints in all", v.Clusters, v.Endpoints)
}
