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
func Exceptions(results Results, t *tenancy.Tenancy, whole bool, today Day) []string {
	var notes []string
	uses := usesOf(results, t.Exceptions)
	for i, e := range t.Exceptions {
		if e.Expired(today) {
			continue
		}
		name := fmt.Sprintf("the exception %q of %s", e.Match, e.Owner)
		if why := uses[i].idle(); whole && why != "" {
			notes = append(notes, name+" "+why)
		}
		if e.Expired(today.AddDate(0, 0, notice+1)) {
			notes = append(notes, fmt.Sprintf("%s expires on %s: from the day after, what it accepts fails again", name, e.Expires.Format(time.DateOnly)))
		}
	}
	return notes
}

// use is what an exception covers.
type use struct {
	covered int
	needed  bool // some of it leaks, or gave no evidence and may leak all the same
}

func usesOf(results Results, exceptions []tenancy.Exception) []use {
	uses := make([]use, len(exceptions))
	if len(uses) == 0 {
		return uses
	}
	for r := range results.All() {
		for i, e := range exceptions {
			if !e.Matches(r.ID) {
				continue
			}
			uses[i].covered++
			switch r.Verdict {
			case Leak, Excepted, Inconclusive, Skipped:
				uses[i].needed = true
			}
		}
	}
	return uses
}

// idle says why an exception accepts nothing.
func (u use) idle() string {
	switch {
	case u.needed:
		return ""
	case u.covered == 0:
		return "matches nothing that was tried: mend its match, or remove it"
	}
	return fmt.Sprintf("accepted nothing: what it covers (attempts: %d) no longer leaks; remove it", u.covered)
}

// Unfailing notes that no leak of the run could have failed it, since the
// threshold is above the worst of what was tried; empty where one could.
func Unfailing(results Results, t *tenancy.Tenancy) string {
	worst := tenancy.Info
	for r := range results.All() {
		if s, err := tenancy.ParseSeverity(r.Severity); err == nil {
			worst = max(worst, s)
		}
	}
	if t.FailOn <= worst {
		return ""
	}
	return fmt.Sprintf("failOn is %s, and nothing that was tried is worse than %s: no leak can fail this run", t.FailOn, worst)
}
