package probes

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writes are what came at a time.
type writes struct {
	mu  sync.Mutex
	all []string
	err error
}

func (w *writes) soFar() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(b))
	return len(b), w.err
}

func TestObservationsAreWrittenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &writes{}
		w := &replyWriter{out: out, lost: func() { t.Error("lost") }}
		observed := func() {
			for range 3 {
				require.NoError(t, w.gather(Reply{Observed: &Observation{ID: "x"}}))
			}
		}
		observed()
		assert.Empty(t, out.soFar())
		time.Sleep(gathering)
		synctest.Wait()
		require.Len(t, out.soFar(), 1)
		assert.Equal(t, 3, strings.Count(out.soFar()[0], "\n"))

		observed()
		require.NoError(t, w.write(Reply{End: &End{Got: 3}}), "behind what was gathered, and at once")
		require.Len(t, out.soFar(), 2)
		assert.Equal(t, 4, strings.Count(out.soFar()[1], "\n"))
		assert.True(t, strings.HasSuffix(out.soFar()[1], `{"end":{"got":3,"answered":0}}`+"\n"), out.soFar()[1])

		require.NoError(t, w.gather(Reply{Fault: strings.Repeat("x", maxGathered)}))
		require.Len(t, out.soFar(), 3, "as much as may wait")
		time.Sleep(time.Minute)
		assert.Len(t, out.soFar(), 3)
	})
}

func TestGatheredRepliesThatFindNoReaderAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Bool
		w := &replyWriter{out: &writes{err: errors.New("gone")}, lost: func() { lost.Store(true) }}
		require.NoError(t, w.gather(Reply{}))
		time.Sleep(gathering)
		synctest.Wait()
		assert.True(t, lost.Load())
		assert.Error(t, w.gather(Reply{}))
		assert.Error(t, w.write(Reply{}))
	})
}

// A kind that is made and not read would break off every batch that has one.
func TestEveryKindOfOrderIsRead(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("wire.go")
	require.NoError(t, err)
	kinds := regexp.MustCompile(`Do\w+ +Do = "(\w+)"`).FindAllSubmatch(source, -1)
	require.Greater(t, len(kinds), 15)
	for _, kind := range kinds {
		do := Do(kind[1])
		o, err := parseOrder([]byte(`{"do":"` + string(do) + `"}`))
		require.NoError(t, err)
		assert.Equal(t, do, o.Do)
	}
	_, err = parseOrder([]byte(`{"do":"dance"}`))
	assert.ErrorContains(t, err, `nobody here knows how to do "dance"`)
}
