package runner

import (
	"os"
	"runtime/debug"
)

// garbage is how much of it a run lets lie, in percent of what it holds. A run
// waits for deadlines nearly all of its time, in which it can as well tidy up.
const garbage = 25

// SaveMemory makes this process one that runs little else. Who has set GOGC
// wants it otherwise.
func SaveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}
