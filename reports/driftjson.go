package reports

import (
	"fmt"
	"io"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// DriftKind stands in the JSON of a drift, beside APIVersion.
const DriftKind = "Drift"

// driftHead opens the JSON of a drift.
type driftHead struct {
	APIVersion string               `json:"apiVersion"`
	Kind       string               `json:"kind"`
	Old        driftRun             `json:"old"`
	New        driftRun             `json:"new"`
	Apart      []string             `json:"apart,omitempty"` // why the two should not be held against each other
	Notes      []string             `json:"notes,omitempty"`
	Totals     verdicts.DriftTotals `json:"totals"`
	Exit       int                  `json:"exit"` // that --fail-on regression ends with
}

// driftRun is which run it was.
type driftRun struct {
	Run     string    `json:"run"`
	Tenancy string    `json:"tenancy"`
	Context string    `json:"context"`
	Started time.Time `json:"started"`
	Filters []string  `json:"filters,omitempty"`
}

func driftRunOf(h verdicts.Header) driftRun {
	return driftRun{Run: h.Run, Tenancy: h.Tenancy, Context: h.Context, Started: h.Started, Filters: h.Filters}
}

// DriftJSON writes a drift for machines: a head, then the changes, one a line,
// the worst first. The exit code is the one that the head tells.
func DriftJSON(w io.Writer, d *verdicts.Drift, exit int) error {
	head := driftHead{
		APIVersion: APIVersion, Kind: DriftKind, Old: driftRunOf(d.Old), New: driftRunOf(d.New),
		Apart: d.Apart, Notes: d.Notes, Totals: d.Totals, Exit: exit,
	}
	if err := writePart(w, `{"head":`, head); err != nil {
		return err
	}
	opening := ",\n\"changes\":[\n"
	for i := range d.Changes {
		if err := writePart(w, opening, d.Changes[i]); err != nil {
			return fmt.Errorf("change of %s: %w", d.Changes[i].ID, err)
		}
		opening = ",\n"
	}
	closing := "\n]}\n"
	if len(d.Changes) == 0 {
		closing = ",\n\"changes\":[]}\n"
	}
	_, err := io.WriteString(w, closing)
	return err
}
