package reports

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

func matrixOf(t *testing.T, rec *verdicts.Record, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Matrix(&b, rec, opt))
	return b.String()
}

func assertFits(t *testing.T, out string, width int) {
	t.Helper()
	for l := range strings.Lines(out) {
		l = strings.TrimSuffix(l, "\n")
		assert.LessOrEqual(t, twwidth.Width(l), width, l)
	}
}

func TestMatrixFitsAndNamesEveryTenant(t *testing.T) {
	for _, n := range []int{1, 3, 12, 40, 41, 200} {
		rec := thinRun(n)
		for _, width := range []int{0, 40, 132} {
			for _, colour := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d tenants, width %d, colour %v", n, width, colour), func(t *testing.T) {
					opt := Options{Colour: colour, Width: width}
					out := matrixOf(t, rec, opt)
					assertFits(t, out, opt.width())
					for _, tenant := range rec.Header.Tenants {
						assert.Contains(t, out, tenant.Name)
					}
					assert.Contains(t, out, "audit")
					assert.Equal(t, colour && n > 1, strings.Contains(out, "\x1b["))
				})
			}
		}
	}
}

// thinRun has a result a pair.
func thinRun(n int) *verdicts.Record {
	rec := fakeRun(0)
	for i := range n {
		rec.Header.Tenants = append(rec.Header.Tenants, verdicts.TenantRow{Name: tenantName(i)})
		for j := range n {
			r := fakeResult(tenantName(i), tenantName(j), "tcp", 0)
			if j == (i+1)%n {
				leaks(&r)
			}
			if i != j {
				rec.Results = append(list(rec), r)
			}
		}
	}
	return rec
}

func TestMatrixCells(t *testing.T) {
	out := matrixOf(t, fakeRun(3), Options{Width: 120})
	for _, want := range []string{
		"│ acme      │ —              │ ✗ 6/18 LEAK   │ ✓ 18 isolated │ + 1 allowed │",
		"│ globex    │ ! 2/18 broken  │ —             │ ✓ 18 isolated │ + 1 allowed │",
		"│ umbrella  │ ? 3/18         │ + 2 allowed   │ —             │ + 1 allowed │",
		"│           │   inconclusive │ ✓ 16 isolated │               │             │",
		"│           │                │               │               │ (shared)    │",
		"Verdicts: 95 isolated, 5 allowed, 6 leak, 2 broken, 3 inconclusive\n",
	} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "nothing tried", "the legend has only what is used")
}

func TestMatrixCountsUnderNumbers(t *testing.T) {
	out := matrixOf(t, fakeRun(12), Options{Width: 80})
	for _, want := range []string{
		" from \\ to            1   2   3   4   5   6   7   8   9   10  11  12  S1\n",
		"  1 acme              —   ✗6  ✓18 ",
		"  4 initech           ~1  ✓18 ",
		"  5 hooli             e1  ✓18 ",
		"Shared services: S1 audit\n",
	} {
		assert.Contains(t, out, want)
	}
}

func TestMatrixOneSymbolAPair(t *testing.T) {
	out := matrixOf(t, fakeRun(40), Options{Width: 80})
	for _, want := range []string{
		"│ from \\ to            │          1 │ 1111111112 │ 2222222223 │ 3333333334 │ S │\n",
		"│                      │ 1234567890 │ 1234567890 │ 1234567890 │ 1234567890 │ 1 │\n",
		"│  1 acme              │ —✗✓✓✓✓✓✓✓✓ │",
		"│  3 umbrella          │ ?+—✓✓✓✓✓✓✓ │",
	} {
		assert.Contains(t, out, want)
	}
	assert.Equal(t, 1, strings.Count(out, "from \\ to"), "one block")
}

func TestMatrixOfVeryManyDrawsWhatMatters(t *testing.T) {
	rec := thinRun(0)
	for i := range 200 {
		rec.Header.Tenants = append(rec.Header.Tenants, verdicts.TenantRow{Name: tenantName(i)})
	}
	leak := fakeResult(tenantName(150), tenantName(99), "tcp", 0)
	leaks(&leak)
	rec.Results = verdicts.List{leak, fakeResult("acme", "globex", "tcp", 0)}
	out := matrixOf(t, rec, Options{Width: 80})
	assert.Contains(t, out, "│ 151 team-150 │ ······")
	assert.Contains(t, out, "·✗ │")
	assert.NotContains(t, out, "│   1 acme")
	assert.Contains(t, out, "Nothing tried from 198 tenants: 2 globex,", "silence is not success")
	assert.Contains(t, out, "Nothing to look at from 1 tenant: 1 acme\n")
	assert.Contains(t, out, "Nothing tried towards columns 41 to 80, 121 to 160, 161 to 200, S1\n")
	assert.Contains(t, out, "Nothing to look at towards columns 1 to 40\n")
}

func TestMatrixShowsWhatTheHeaderDoesNotKnow(t *testing.T) {
	r := fakeResult("stranger", "nobody", "tcp", 0)
	s := fakeResult("stranger", "", "tcp", 0)
	s.Service, s.Verdict = "ledger", verdicts.Unreached
	out := matrixOf(t, &verdicts.Record{Results: verdicts.List{r, s}}, Options{})
	for _, want := range []string{"stranger", "nobody", "ledger", "(shared)", "✓ 1 isolated", "o 1 unreached"} {
		assert.Contains(t, out, want)
	}
	assert.Contains(t, matrixOf(t, &verdicts.Record{Results: verdicts.List{}}, Options{}), "No tenants, so nothing was tried.")
}

func TestMatrixTellsAServiceFromATenantOfItsName(t *testing.T) {
	rec := fakeRun(0)
	rec.Header.Tenants = []verdicts.TenantRow{{Name: "acme"}, {Name: "audit"}}
	leak := fakeResult("acme", "audit", "tcp", 0)
	leaks(&leak)
	use := fakeResult("acme", "audit", "tcp", 1)
	use.Service, use.Verdict, use.Expect = "audit-svc", verdicts.Allowed, suites.Allowed
	rec.Results = verdicts.List{leak, use}
	out := matrixOf(t, rec, Options{})
	assert.Contains(t, out, "│ acme      │ —    │ ✗ 1/1 LEAK │ + 1 allowed │")
}

func TestMatrixOfHostileNames(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 12, 45} {
				rec := hostileRecord(s)
				for i := range n {
					rec.Header.Tenants = append(rec.Header.Tenants, verdicts.TenantRow{Name: fmt.Sprint(s, i)})
				}
				out := matrixOf(t, rec, Options{Width: 80})
				assertFits(t, out, 80)
				assert.Equal(t, harmlessText(out), out)
			}
		})
	}
}
