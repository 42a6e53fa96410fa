package verdicts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/tenancy"
)

func TestExceptionsAreSpokenOf(t *testing.T) {
	today := time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC)
	day := func(after int) time.Time { return today.Truncate(24*time.Hour).AddDate(0, 0, after) }
	covers := func(match string, expires time.Time) tenancy.Exception {
		return tenancy.Exception{Match: match, Owner: "net", Reason: "later", Expires: expires}
	}
	all := List{
		{ID: "network/tcp/a", Verdict: Isolated}, {ID: "network/tcp/b", Verdict: Broken}, {ID: "network/http/c", Verdict: Unreached},
		{ID: "network/udp/a", Verdict: Excepted}, {ID: "network/udp/b", Verdict: Isolated},
		{ID: "network/icmp/a", Verdict: Inconclusive}, {ID: "network/icmp/b", Verdict: Isolated},
		{ID: "network/sctp/a", Verdict: Skipped},
	}
	for name, tc := range map[string]struct {
		exception tenancy.Exception
		partial   bool
		want      []string
	}{
		"accepts a leak":         {covers("network/udp/*", day(99)), false, nil},
		"matches nothing":        {covers("netwrk/udp/*", day(99)), false, []string{`the exception "netwrk/udp/*" of net matches nothing that was tried: mend its match, or remove it`}},
		"of a part":              {covers("netwrk/udp/*", day(99)), true, nil},
		"no longer needed":       {covers("network/tcp/*", day(99)), false, []string{`the exception "network/tcp/*" of net accepted nothing: what it covers (attempts: 2) no longer leaks; remove it`}},
		"perhaps needed":         {covers("network/tcp/*", day(99)), true, nil},
		"without evidence":       {covers("network/icmp/*", day(99)), false, nil},
		"of what is skipped":     {covers("network/sctp/*", day(99)), false, nil},
		"expires in two weeks":   {covers("network/udp/*", day(14)), false, []string{`the exception "network/udp/*" of net expires on 2026-12-08: from the day after, what it accepts fails again`}},
		"expires today":          {covers("network/udp/*", day(0)), true, []string{`the exception "network/udp/*" of net expires on 2026-11-24: from the day after, what it accepts fails again`}},
		"expires after that":     {covers("network/udp/*", day(15)), false, nil},
		"expired":                {covers("netwrk/udp/*", day(-1)), false, nil},
		"expires without an end": {covers("network/udp/*", time.Time{}), false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ten := &tenancy.Tenancy{Exceptions: []tenancy.Exception{tc.exception}}
			assert.Equal(t, tc.want, Exceptions(all, ten, !tc.partial, today))
		})
	}
}

func TestAnExceptionOfWhatAnotherAcceptsIsNotIdle(t *testing.T) {
	today := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	far := today.AddDate(1, 0, 0)
	ten := &tenancy.Tenancy{Exceptions: []tenancy.Exception{{Match: "network/*", Expires: far}, {Match: "network/udp/*", Expires: far}}}
	assert.Empty(t, Exceptions(List{{ID: "network/udp/a", Verdict: Excepted}}, ten, true, today))
}
