package probes

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func isRead() bool { return false }

// entered counts who gets in until the context ends, and stays.
func entered(ctx context.Context, r *room) (n int) {
	for r.enter(ctx, isRead) == nil {
		n++
	}
	return n
}

func TestARoomWidensWhileNothingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[time.Duration]int{
			silence / 2:     firstInFlight,
			3 * silence / 2: 2 * firstInFlight,
			time.Minute:     DefaultInFlight,
		} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			assert.Equal(t, want, entered(ctx, newRoom(0)), after)
			cancel()
		}
	})
}

func TestARoomStaysSmallWhileAttemptsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		var inside atomic.Int32
		most := 0
		for range 1000 {
			require.NoError(t, r.enter(t.Context(), isRead))
			most = max(most, int(inside.Add(1)))
			time.AfterFunc(silence/2, func() { inside.Add(-1); r.leave() })
		}
		assert.Equal(t, firstInFlight, most)
	})
}

func TestARoomThatWasEmptyIsSmallAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for range entered(ctx, r) {
			r.leave()
		}
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), silence/2)
		defer cancel()
		assert.Equal(t, firstInFlight, entered(ctx, r))
	})
}

// What nobody reads keeps its place, and no other stream's.
func TestARoomDoesNotWidenForASlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := 0
		for r.enter(ctx, func() bool { return true }) == nil {
			n++
		}
		assert.Equal(t, firstInFlight, n)
		assert.NoError(t, r.enter(t.Context(), isRead), "a stream that is read")
	})
}

func TestARoomHasItsBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.Equal(t, 3, entered(ctx, newRoom(3)))
	})
}
