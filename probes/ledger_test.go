package probes

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var someone = netip.MustParseAddrPort("[::ffff:10.0.0.9]:4711")

func arrivals(l *ledger, n int) {
	for range n {
		l.open("tcp", 9007, someone, false)
	}
}

func seqs(rs []Receipt) (out []uint64) {
	for _, r := range rs {
		out = append(out, r.Seq)
	}
	return out
}

func TestLedgerCountsWhatItForgot(t *testing.T) {
	t.Parallel()
	l := newLedger(3)
	arrivals(l, 3)
	kept, last, lost := l.after(0)
	assert.Equal(t, []uint64{1, 2, 3}, seqs(kept))
	assert.Equal(t, uint64(3), last)
	assert.Zero(t, lost)

	arrivals(l, 2)
	kept, last, lost = l.after(0)
	assert.Equal(t, []uint64{3, 4, 5}, seqs(kept))
	assert.Equal(t, uint64(5), last)
	assert.Equal(t, uint64(2), lost, "asked from the start, nobody has 1 and 2")

	_, _, lost = l.after(5)
	assert.Equal(t, uint64(2), lost, "a loss is never forgotten")
}

func TestLedgerLosesNothingThatWasRead(t *testing.T) {
	t.Parallel()
	l := newLedger(3)
	arrivals(l, 3)
	_, last, _ := l.after(0)
	_, _, lost := l.after(last)
	assert.Zero(t, lost)

	arrivals(l, 3)
	kept, _, lost := l.after(last)
	assert.Equal(t, []uint64{4, 5, 6}, seqs(kept))
	assert.Zero(t, lost, "1 to 3 had been read when they were overwritten")

	_, _, lost = l.after(0)
	assert.Equal(t, uint64(3), lost, "but to another reader they are missing")
}

func TestLedgerBelievesNoCursorFromTheFuture(t *testing.T) {
	t.Parallel()
	l := newLedger(2)
	arrivals(l, 1)
	kept, last, lost := l.after(1000)
	assert.Empty(t, kept)
	assert.Equal(t, uint64(1), last)
	assert.Zero(t, lost)

	arrivals(l, 4)
	_, _, lost = l.after(1)
	assert.Equal(t, uint64(2), lost)
}

func TestLedgerFillsWhatItStillKnows(t *testing.T) {
	t.Parallel()
	l := newLedger(2)
	first := l.open("tcp", 9007, someone, false)
	second := l.open("tcp", 9007, someone, false)
	third := l.open("tcp", 9007, someone, false)
	l.fill(first, "late", true)
	l.fill(third, "n", true)

	kept, _, _ := l.after(0)
	assert.Equal(t, []uint64{second, third}, seqs(kept))
	assert.Empty(t, kept[0].Nonce)
	assert.Equal(t, "n", kept[1].Nonce)
	assert.True(t, kept[1].Good)
	assert.Equal(t, "10.0.0.9:4711", kept[0].Remote, "an IPv4 address is written as one")
}

// Silence of a mesh's proxy that is broken after it was handed over is handed
// over again, once, with all that is known by then. What others bring counted
// when it was handed over.
func TestALedgerSaysWhatAProxyBroughtLater(t *testing.T) {
	for _, from := range []string{"127.0.0.6:4711", "[::6]:4711"} {
		l, proxy := newLedger(8), netip.MustParseAddrPort(from)
		early, late := l.open("tcp", 9007, proxy, false), l.open("tcp", 9007, proxy, false)
		other := l.open("tcp", 9007, someone, false)
		l.hear(early)
		kept, last, _ := l.after(0)
		require.Len(t, kept, 3)
		require.Equal(t, []bool{true, false, false}, []bool{kept[0].Heard, kept[1].Heard, kept[2].Heard})
		l.hear(late)
		l.fill(late, "nonce", true)
		l.fill(other, "another", true)
		kept, last, lost := l.after(last)
		require.Zero(t, lost)
		require.Len(t, kept, 1)
		require.Equal(t, []any{true, "nonce", from}, []any{kept[0].Heard, kept[0].Nonce, kept[0].Remote})
		l.fill(late, "said yet more", true)
		kept, _, _ = l.after(last)
		require.Len(t, kept, 1, "what was handed over once more may be so again")
		require.Equal(t, "said yet more", kept[0].Nonce)
	}
}
