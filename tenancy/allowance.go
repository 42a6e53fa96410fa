package tenancy

import (
	"slices"
	"time"
)

// everyone stands for all tenants in a crossing or a shared service.
const everyone = "*"

// Expired tells whether the crossing's last day, in UTC, has passed.
func (c Crossing) Expired(now time.Time) bool { return over(c.Expires, now) }

// covers tells whether the crossing is about this traffic.
func (c Crossing) covers(from, to string, port Port) bool {
	return (c.From == from || c.From == everyone) &&
		(c.To == to || c.To == everyone) &&
		slices.Contains(c.Ports, port)
}

// Crosses returns the first crossing that allows this traffic now.
func (t *Tenancy) Crosses(from, to string, port Port, now time.Time) (Crossing, bool) {
	for _, c := range t.Crossings {
		if c.covers(from, to, port) && !c.Expired(now) {
			return c, true
		}
	}
	return Crossing{}, false
}

// CrossesAtAll tells whether anything may cross from one tenant to another at a time.
func (t *Tenancy) CrossesAtAll(from, to string, now time.Time) bool {
	return slices.ContainsFunc(t.Crossings, func(c Crossing) bool {
		return !c.Expired(now) && slices.ContainsFunc(c.Ports, func(p Port) bool { return c.covers(from, to, p) })
	})
}

// Admits tells whether a tenant may use the service.
func (s Shared) Admits(tenant string) bool {
	return slices.Contains(s.Tenants, tenant) || slices.Contains(s.Tenants, everyone)
}

// Expired tells whether the exception's last day, in UTC, has passed: from
// then on its leak fails again.
func (e Exception) Expired(now time.Time) bool { return over(e.Expires, now) }

// Matches tells whether the exception is about the attempt of this id.
func (e Exception) Matches(id string) bool { return matches(e.Match, id) }

// Covers says that the severity is for a check, by its suite and its name.
func (s CheckSeverity) Covers(check string) bool { return matches(s.Check, check) }
