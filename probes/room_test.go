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

// entered counts who gets in until the context ends, and stays.
func entered(ctx context.Context, r *room) (n int) {
	for r.enter(ctx) == nil {
		n++
	}
	return n
}

func TestARoomWidensWhileNothingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[time.Duration]int{
			silence / 2:     FirstInFlight,
			3 * silence / 2: 2 * FirstInFlight,
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
			require.NoError(t, r.enter(t.Context()))
			most = max(most, int(inside.Add(1)))
			time.AfterFunc(silence/2, func() { inside.Add(-1); r.leave() })
		}
		assert.Equal(t, FirstInFlight, most)
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
		assert.Equal(t, FirstInFlight, entered(ctx, r))
	})
}

// What nobody reads keeps its place: that is no silence of the network's.
func TestARoomDoesNotWidenForASlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		sent := r.send()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		assert.Equal(t, FirstInFlight, entered(ctx, r))
		cancel()
		sent()
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.Equal(t, DefaultInFlight-FirstInFlight, entered(ctx, r))
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
