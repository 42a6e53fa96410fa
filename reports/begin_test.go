package reports

import (
	"os"
	"path/filepath"
	"testing"

	gojunit "github.com/joshdk/go-junit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

func TestBeginReplacesAnEarlierRun(t *testing.T) {
	folder := t.TempDir()
	specs := []Spec{{JSON{}, filepath.Join(folder, "results.json")}, {JUnit{}, filepath.Join(folder, "junit.xml")}}
	green := &verdicts.Record{Header: verdicts.Header{Run: "earlier"}, Results: verdicts.List{fakeResult("acme", "globex", "tcp", 0)}}
	require.NoError(t, WriteAll(specs, green))

	require.NoError(t, Begin(specs, verdicts.Header{Run: "now", Planned: 7}))

	rec, err := Read(specs[0].Path)
	require.NoError(t, err)
	assert.Equal(t, "now", rec.Header.Run)
	assert.Empty(t, list(rec))
	assert.True(t, rec.Summary.Partial)
	assert.Equal(t, 3, rec.Summary.Exit)
	assert.True(t, rec.Summary.Incomplete)
	why := "this run has not finished; see " + filepath.Join(folder, "results.jsonl") + " for what it has seen so far"
	assert.Equal(t, []string{why}, rec.Summary.NotRun)

	file, err := os.ReadFile(specs[1].Path)
	require.NoError(t, err)
	validate(t, file)
	list, tests := parse(t, file)
	assert.Equal(t, gojunit.Totals{Tests: 1, Error: 1}, totals(list))
	assert.Equal(t, why, tests["coverage"].Message)
}

func TestBeginWithoutJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "junit.xml")
	require.NoError(t, Begin([]Spec{{JUnit{}, path}, {JSON{}, os.DevNull}}[:1], verdicts.Header{}))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	_, tests := parse(t, file)
	assert.Equal(t, "this run has not finished", tests["coverage"].Message)
}
