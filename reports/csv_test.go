package reports

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// csvOf reads the table back, each row by its columns' names.
func csvOf(t *testing.T, rec *verdicts.Record) []map[string]string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, CSV{}.Write(&b, rec))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	var read []map[string]string
	for _, row := range rows[1:] {
		named := map[string]string{}
		for i, name := range rows[0] {
			named[name] = row[i]
		}
		require.Len(t, named, len(rows[0]), "columns have names of their own")
		read = append(read, named)
	}
	return read
}

func TestCSVHasARowAResult(t *testing.T) {
	rec := fakeRun(5)
	rec.Summary.Partial = true
	rows := csvOf(t, rec)
	require.Len(t, rows, rec.Results.Len())
	for i, r := range list(rec) {
		assert.Equal(t, r.ID, rows[i]["id"])
		assert.Equal(t, string(r.Verdict), rows[i]["verdict"])
	}
	for _, row := range rows {
		if row["verdict"] != "excepted" {
			continue
		}
		assert.Subset(t, row, map[string]string{
			"run": "7c1f9a", "started": "2026-11-24T03:00:00Z", "context": "kind-staging", "partial": "true",
			"from_tenant": "hooli", "to_tenant": "acme", "fails": "false", "port": "9007", "rounds": "2",
			"first_at": "2026-11-24T03:00:01Z", "seconds": "7.001", "receipts": "0", "control_rung": "same-namespace",
			"exception_owner": "network-team", "exception_reason": "split-horizon DNS lands in Q2", "exception_expires": "2027-03-31",
		})
		return
	}
	t.Error("no row is excepted")
}

func TestCSVIsAsTheStandardHasIt(t *testing.T) {
	var b bytes.Buffer
	r := fakeResult("acme", "globex", "tcp", 0)
	r.Why = `a "quoted", word`
	require.NoError(t, CSV{}.Write(&b, &verdicts.Record{Results: verdicts.List{r}}))
	assert.Equal(t, 2, strings.Count(b.String(), "\r\n"))
	assert.Equal(t, 2, strings.Count(b.String(), "\n"))
	assert.Contains(t, b.String(), `,"a ""quoted"", word",`)
	assert.True(t, strings.HasPrefix(b.String(), csvBegins))
}

func TestCSVRunsNoFormula(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", " =1": "' =1", "＝1": "'＝1", `"=1`: `'"=1`,
		"a;=cmd()": "a;'=cmd()", "a, -1": "a,' -1", "\t=1": `\t=1`, "\r=1": `\r=1`,
		"acme->globex": "acme->globex", "a-b": "a-b", "10 s apart; the same": "10 s apart; the same",
	} {
		rows := csvOf(t, hostileRecord(in))
		assert.Equal(t, want, rows[0]["to_tenant"], in)
		assert.Equal(t, want, rows[0]["rerun"], in)
	}
}

func TestCSVOfHostileStrings(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			rows := csvOf(t, hostileRecord(s))
			require.Len(t, rows, len(everyVerdict))
			for _, row := range rows {
				for _, cell := range row {
					assert.Equal(t, Harmless(cell), cell)
					assert.NotRegexp(t, `^[=+\-@]`, cell)
				}
			}
		})
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { assert.Len(t, csvOf(t, hostileRecord(s)), len(everyVerdict)) })
}
