package reports

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// clocked is a progress whose clock stands until it is told.
func clocked(live bool) (*Progress, *bytes.Buffer, func(time.Duration)) {
	var b bytes.Buffer
	at := began
	p := NewProgress(&b, live)
	p.begun, p.now = at, func() time.Time { return at }
	return p, &b, func(d time.Duration) { at = at.Add(d) }
}

func TestProgressInCI(t *testing.T) {
	p, out, pass := clocked(false)
	p.Phase("deploying probes")
	pass(25 * time.Second)
	p.Phase("cleaning up\x1b[2J")
	p.Close()
	assert.Equal(t, "   0s  deploying probes\n  25s  cleaning up\\x1b[2J\n", out.String())
}

func TestProgressOnATerminal(t *testing.T) {
	p, out, pass := clocked(true)
	p.Close()
	assert.Empty(t, out.String(), "nothing begun, nothing to end")
	p.Phase("probing")
	pass(time.Second)
	p.Phase("done")
	p.Close()
	assert.Equal(t, "\r   0s  probing\x1b[K\r   1s  probing\x1b[K\n"+
		"\r   1s  done\x1b[K\r   1s  done\x1b[K\n", out.String())
}

func TestProgressKeepsToItsLine(t *testing.T) {
	p, out, _ := clocked(false)
	p.Phase(strings.Repeat("long ", 100))
	assert.Less(t, out.Len(), 80)
}

func TestProgressIsSafeForMany(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, true)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { p.Phase("probing") })
	}
	all.Wait()
	p.Close()
	assert.Equal(t, 8, strings.Count(b.String(), "\n"))
}
