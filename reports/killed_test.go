package reports

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// killedIn names the folder for the process that TestAKilledRun kills.
const killedIn = "PARTYWALL_TEST_KILLED_IN"

// TestAKilledRun kills a process that spools, without any warning, in the
// place where an earlier run had a green report.
func TestAKilledRun(t *testing.T) {
	if folder := os.Getenv(killedIn); folder != "" {
		spoolForEver(t, folder)
	}
	folder := t.TempDir()
	results := Spec{JSON{}, filepath.Join(folder, "results.json")}
	require.NoError(t, Write(results, &verdicts.Record{Header: verdicts.Header{Run: "earlier"}, Results: verdicts.List{}}))

	run := exec.Command(os.Args[0], "-test.run", "^TestAKilledRun$")
	run.Env = append(os.Environ(), killedIn+"="+folder)
	require.NoError(t, run.Start())
	require.Eventually(t, func() bool {
		info, err := os.Stat(SpoolPath(results.Path))
		return err == nil && info.Size() > 1<<16
	}, time.Minute, time.Millisecond)
	_, err := CreateSpool(SpoolPath(results.Path))
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, run.Process.Kill())
	require.Error(t, run.Wait())

	rec, err := Read(results.Path)
	require.NoError(t, err)
	assert.Equal(t, "killed", rec.Header.Run)
	assert.True(t, rec.Summary.Partial)
	assert.Contains(t, rec.Summary.NotRun[0], SpoolPath(results.Path))

	rec, err = Read(SpoolPath(results.Path))
	require.NoError(t, err)
	assert.NotEmpty(t, list(rec))
	assert.True(t, rec.Summary.Partial)
	assert.Contains(t, rec.Summary.NotRun[0], fmt.Sprintf("%d of 1000000 planned attempts have a result", len(list(rec))))

	next, err := CreateSpool(SpoolPath(results.Path))
	require.NoError(t, err, "the lock ended with its process")
	require.NoError(t, next.Close())
}

func spoolForEver(t *testing.T, folder string) {
	header := verdicts.Header{Run: "killed", Planned: 1_000_000}
	results := Spec{JSON{}, filepath.Join(folder, "results.json")}
	s, err := CreateSpool(SpoolPath(results.Path))
	require.NoError(t, err)
	require.NoError(t, s.Header(header))
	require.NoError(t, Begin([]Spec{results}, header))
	for i := range header.Planned {
		require.NoError(t, s.Result(fakeResult("acme", "globex", "tcp", i)))
	}
}
