package main

import (
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAProbeThatNobodySpeaksToEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int32
		a := attend(time.Minute, func() { ended.Add(1) })
		time.Sleep(59 * time.Second)
		a.come()
		a.come()
		a.leave()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Zero(t, ended.Load(), "one stream is still open")
		a.leave()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		assert.Zero(t, ended.Load())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.EqualValues(t, 1, ended.Load())
	})
}

func TestAProbeThatIsKeptWaitsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := attend(0, func() { t.Error("ended") })
		a.come()
		a.leave()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
	})
}

func TestServeEndsWhenItIsAbandoned(t *testing.T) {
	dir := t.TempDir()
	// A file, as standard error is one: the timer and the command both write.
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	require.NoError(t, err)
	defer stderr.Close()
	code := run(t.Context(), streams{nil, io.Discard, stderr}, []string{
		"serve", "--source-only", "--host", "127.0.0.1", "--health-port", "0",
		"--socket", filepath.Join(dir, "s"), "--abandon-after", "10ms",
	})
	said, err := os.ReadFile(stderr.Name())
	require.NoError(t, err)
	assert.Zero(t, code, string(said))
	assert.Contains(t, string(said), "nobody has spoken to this probe for 10ms")
}
