package reports

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// shadowRun is a run of two tenants, of which the second has a shadow that the
// first reaches, and which reaches the first.
func shadowRun() *verdicts.Record {
	rec := fakeRun(0)
	rec.Header.Shared = nil
	db := verdicts.Side{Tenant: "globex", Namespace: "api", Workload: "Deployment/db"}
	rec.Header.Tenants = []verdicts.TenantRow{{Name: "acme"}, {Name: "globex", Shadows: []verdicts.Side{db}}}
	for _, pair := range [][2]verdicts.Side{{{Tenant: "acme"}, {Tenant: "globex"}}, {{Tenant: "acme"}, db}, {db, {Tenant: "acme"}}} {
		r := fakeResult(pair[0].Tenant, pair[1].Tenant, "tcp", 0)
		r.From, r.To = pair[0], pair[1]
		if pair[1].Workload != "" {
			leaks(&r)
		}
		rec.Results = append(list(rec), r)
	}
	rec.Summary = summarise(rec)
	return rec
}

func TestShadowsHaveRowsAndColumnsOfTheirOwn(t *testing.T) {
	g := gridOf(shadowRun())
	name := "globex (api/Deployment/db)"
	require.Equal(t, []string{"acme", "globex", name}, g.rows)
	require.Equal(t, []column{{name: "acme"}, {name: "globex"}, {name: name}}, g.cols, "in the order of the rows, whose numbers they have")
	assert.Equal(t, classLeak, g.cells[[2]int{0, 2}].worst())
	assert.NotEqual(t, classLeak, g.cells[[2]int{0, 1}].worst())
	assert.NotNil(t, g.cells[[2]int{2, 0}])
	for _, cell := range [][2]int{{1, 2}, {2, 1}, {2, 2}} {
		assert.True(t, g.itself(cell[0], cell[1]), "of the same tenant: %v", cell)
	}
	assert.False(t, g.itself(0, 2))
	assert.Contains(t, matrixOf(t, shadowRun(), Options{}), name)
}

func TestShadowsAreNamedInReports(t *testing.T) {
	rec := shadowRun()
	var findings bytes.Buffer
	require.NoError(t, Findings(&findings, rec, Options{}))
	assert.Contains(t, findings.String(), "acme -> globex (api/Deployment/db), network/tcp, 1 attempt")
	c := junitCase(&list(rec)[1])
	assert.Contains(t, c.Name, "acme -> globex (api/Deployment/db): tcp")
	assert.Contains(t, string(c.Failure.Body), "globex, namespace api, shadow of Deployment/db")
	assert.NotEqual(t, pairOf(&list(rec)[0]), pairOf(&list(rec)[1]))
}
