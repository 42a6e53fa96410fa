package main

import (
	"bytes"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
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
	var stderr bytes.Buffer
	code := run(t.Context(), streams{nil, io.Discard, &stderr}, []string{
		"serve", "--source-only", "--host", "127.0.0.1", "--health-port", "0",
		"--socket", filepath.Join(t.TempDir(), "s"), "--abandon-after", "10ms",
	})
	assert.Zero(t, code, stderr.String())
	assert.Contains(t, stderr.String(), "nobody has spoken to this probe for 10ms")
}
