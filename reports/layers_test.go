package reports

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/verdicts"
)

// meshRun has tenants of a mesh: between the first two the network is open, and
// all others are behind it.
func meshRun(n int) *verdicts.Record {
	rec := fakeRun(n)
	for i := range list(rec) {
		r := &list(rec)[i]
		if r.Service != "" || r.Out {
			continue
		}
		r.Suite, r.ID = "mesh", strings.Replace(r.ID, "network/", "mesh/", 1)
		r.Verdict, r.Outcome = verdicts.Isolated, probes.Dropped
		if r.From.Tenant == tenantName(0) && r.To.Tenant == tenantName(1) {
			r.Evidence.Rounds[0].Phase = probes.PhaseRead
		}
	}
	return rec
}

func TestLayersEndTheMatrixOfAMesh(t *testing.T) {
	rec := meshRun(3)
	first, second := tenantName(0), tenantName(1)
	for _, width := range []int{40, 132} {
		out := matrixOf(t, rec, Options{Width: width})
		assertFits(t, out, width)
		assert.Contains(t, out, first+" -> "+second)
		assert.Contains(t, out, "not seen: something else")
	}
	wide := matrixOf(t, rec, Options{Width: 132})
	assert.Regexp(t, first+" -> "+second+` +│ open +│ not seen`, wide)
	assert.Regexp(t, second+" -> "+first+` +│ holds +│ not seen`, wide)

	tables := outlineOf(t, markdownOf(t, rec)).tables
	var layers [][]string
	for _, table := range tables {
		if table[0][len(table[0])-1] == "Mesh" {
			layers = table
		}
	}
	assert.Len(t, layers, 1+6)
	assert.Equal(t, []string{first + " → " + second, "open", "not seen"}, layers[1], "what is open first")

	_, page := pageOf(t, rec)
	assert.Contains(t, page, `<a href="#layers">`)
	assert.Contains(t, page, "<td><bdi>"+first+"</bdi></td><td><bdi>"+second+"</bdi></td><td>open</td><td>not seen</td>")
}

func TestWithoutAMeshThereAreNoLayers(t *testing.T) {
	rec := fakeRun(3)
	assert.NotContains(t, matrixOf(t, rec, Options{Width: 132}), "Layers")
	assert.NotContains(t, markdownOf(t, rec), "Layers")
	_, page := pageOf(t, rec)
	assert.NotContains(t, page, "layers")
}

func TestLayersOfManyPairsAreCounted(t *testing.T) {
	rec := meshRun(20)
	assert.Contains(t, matrixOf(t, rec, Options{Width: 132}), "And the layers of 340 more pairs.")
	assert.Contains(t, markdownOf(t, rec), "And the layers of 340 more pairs.")
	_, page := pageOf(t, rec)
	assert.Contains(t, page, "And the layers of 180 more pairs.")
}

func TestLayersOfHostileNames(t *testing.T) {
	for name, hostileName := range hostile {
		t.Run(name, func(t *testing.T) {
			rec := meshRun(2)
			for i := range list(rec) {
				list(rec)[i].From.Tenant, list(rec)[i].To.Tenant = hostileName, hostileName
			}
			out := matrixOf(t, rec, Options{Width: 132})
			assert.Equal(t, harmlessText(out), out)
			assert.Contains(t, out, "mesh")
			root, page := pageOf(t, rec)
			assert.Equal(t, harmlessText(page), page)
			assert.Len(t, all(root, "script", ""), 2)
			assert.Empty(t, outlineOf(t, markdownOf(t, rec)).odd)
		})
	}
}
