package runner

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSaveMemory(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "80")
	SaveMemory()
	assert.Equal(t, 100, debug.SetGCPercent(100), "who has set GOGC wants it otherwise")
	t.Setenv("GOGC", "")
	SaveMemory()
	assert.Equal(t, garbage, debug.SetGCPercent(100))
}
