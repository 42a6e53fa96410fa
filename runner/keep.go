package runner

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/partywall/partywall/probes"
)

// quote makes one word of a text for a shell, whatever is in it.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// execLine is the command that makes an attempt once more from a kept probe.
func (q *pod) execLine(context string, order probes.Order) string {
	line, err := json.Marshal(order)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("echo %s | kubectl --context %s exec -i -n %s %s -c %s -- /probe pipe --socket %s",
		quote(string(line)), quote(context), q.place.namespace, q.name, container, socketPath)
}
