package verdicts

import (
	"fmt"
	"time"

	"github.com/partywall/partywall/tenancy"
)

// notice is how many days before its last one an exception is spoken of, so
// that whoever answers for it hears of it before the run fails.
const notice = 14

// Exceptions notes which exceptions that still hold are idle, and which will
// soon hold no more. Only a whole run can tell that one is idle: what was left
// out may be what it is about.
func Exceptions(results []Result, t *tenancy.Tenancy, whole bool, today Day) []string {
	var notes []string
	for _, e := range t.Exceptions {
		if e.Expired(today) {
			continue
		}
		name := fmt.Sprintf("the exception %q of %s", e.Match, e.Owner)
		if why := idle(results, e); whole && why != "" {
			notes = append(notes, name+" "+why)
		}
		if e.Expired(today.AddDate(0, 0, notice+1)) {
			notes = append(notes, fmt.Sprintf("%s expires on %s: from the day after, what it accepts fails again", name, e.Expires.Format(time.DateOnly)))
		}
	}
	return notes
}

// idle says why an exception accepts nothing. An attempt that gave no evidence
// may leak all the same, and speaks for the exception.
func idle(results []Result, e tenancy.Exception) string {
	covered := 0
	for i := range results {
		if !e.Matches(results[i].ID) {
			continue
		}
		switch results[i].Verdict {
		case Leak, Excepted, Inconclusive, Skipped:
			return ""
		}
		covered++
	}
	if covered == 0 {
		return "matches nothing that was tried: mend its match, or remove it"
	}
	return fmt.Sprintf("accepted nothing: what it covers (attempts: %d) no longer leaks; remove it", covered)
}

// Unfailing notes that no leak of the run could have failed it, since the
// threshold is above the worst of what was tried; empty where one could.
func Unfailing(results []Result, t *tenancy.Tenancy) string {
	worst := tenancy.Info
	for i := range results {
		if s, err := tenancy.ParseSeverity(results[i].Severity); err == nil {
			worst = max(worst, s)
		}
	}
	if t.FailOn <= worst {
		return ""
	}
	return fmt.Sprintf("failOn is %s, and nothing that was tried is worse than %s: no leak can fail this run", t.FailOn, worst)
}
