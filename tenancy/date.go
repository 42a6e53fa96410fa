package tenancy

import (
	"fmt"
	"time"
)

// parseDate reads a day as YYYY-MM-DD. It starts at midnight UTC, so that a
// file means the same wherever it is read.
func parseDate(s string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("bad date %s: want YYYY-MM-DD%s", quote(s), dateHint(s))
	}
	return day, nil
}

// dateHint finds the day that was meant by another notation, or the last of
// the month where it has no such day.
func dateHint(s string) string {
	for _, layout := range []string{"2006-1-2", "2006/1/2", "2.1.2006", "20060102", time.RFC3339, "2 Jan 2006", "Jan 2, 2006"} {
		if day, err := time.Parse(layout, s); err == nil {
			return didYouMean(day.Format(time.DateOnly))
		}
	}
	var year, month, day int
	if _, err := fmt.Sscanf(s, "%4d-%2d-%2d", &year, &month, &day); err != nil || month < 1 || month > 12 || day < 29 {
		return ""
	}
	last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC)
	return didYouMean(last.Format(time.DateOnly))
}

// over tells whether a last day has passed. Without one it never has.
func over(last, now time.Time) bool {
	return !last.IsZero() && !now.Before(last.AddDate(0, 0, 1))
}
