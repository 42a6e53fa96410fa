package reports

import (
	"bytes"
	"html"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// Who accepted what, why and until when is in every report that has results one
// by one; those that only count have how many there are.
func TestWhoAcceptedIsInEveryReport(t *testing.T) {
	rec := fakeRun(2)
	rec.Results = list(rec)[:1]
	r := &list(rec)[0]
	leaks(r)
	r.Verdict, r.Fails = verdicts.Excepted, false
	r.Exception = &verdicts.Exception{Owner: "net-owners", Reason: "until-the-move", Expires: "2031-07-09"}
	rec.Summary = verdicts.Summarise(rec.Results, rec.Header.Started)
	for _, f := range formats {
		var b bytes.Buffer
		require.NoError(t, f.Write(&b, rec))
		text := html.UnescapeString(b.String())
		switch f.(type) {
		case Prometheus:
			assert.Contains(t, text, `verdict="excepted"`)
		case InToto:
			assert.Contains(t, text, `"warnedTests": [
      "`+r.Suite+"/"+r.Check, "it is about the digest of the record, which has the rest")
		default:
			for _, want := range []string{"net-owners", "until-the-move", "2031-07-09"} {
				assert.Contains(t, text, want, "%T", f)
			}
		}
	}
	var b bytes.Buffer
	require.NoError(t, Findings(&b, rec, Options{}))
	for _, want := range []string{"net-owners", "until-the-move", "2031-07-09"} {
		assert.Contains(t, b.String(), want)
	}
}
