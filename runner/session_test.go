package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/partywall/partywall/probes"
)

const each = 3500 * time.Millisecond

func ordersOf(n int) []probes.Order {
	orders := make([]probes.Order, n)
	for i := range orders {
		orders[i] = probes.Order{Do: probes.DoTCP, ID: fmt.Sprintf("id-%d", i), Round: 1, Nonce: fmt.Sprintf("nonce-%d", i), Host: "10.0.0.1", Port: 9007}
	}
	return orders
}

// observed is what a probe answers to an order, with a mark that tells whose
// answer it is.
func observed(o probes.Order) probes.Reply {
	return probes.Reply{Observed: &probes.Observation{
		ID: o.ID, Round: o.Round, Nonce: o.Nonce, Do: o.Do, Phase: probes.PhaseDone, Bytes: []byte(o.Nonce),
	}}
}

func encode(t testing.TB, replies ...probes.Reply) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, r := range replies {
		require.NoError(t, json.NewEncoder(&b).Encode(r))
	}
	return b.Bytes()
}

// peer is an exec in which a probe answers each order by answer.
func peer(t testing.TB, answer func(o probes.Order) []probes.Reply) opener {
	return func(ctx context.Context, stdin io.Reader, stdout, _ io.Writer) error {
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			var o probes.Order
			if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
				return err
			}
			if _, err := stdout.Write(encode(t, answer(o)...)); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
}

// honest answers as a probe does.
func honest(t testing.TB) opener {
	got := 0
	return peer(t, func(o probes.Order) []probes.Reply {
		switch o.Do {
		case probes.DoFlush:
			n := got
			got = 0
			return []probes.Reply{{End: &probes.End{Got: n, Answered: n}}}
		case probes.DoKey:
			return []probes.Reply{{Keyed: &probes.Keyed{Boot: "boot-1"}}}
		case probes.DoReceipts:
			return []probes.Reply{
				{Receipts: &probes.Receipts{Boot: "boot-1", Last: 2, Receipts: []probes.Receipt{{Seq: 1}}, More: true}},
				{Receipts: &probes.Receipts{Boot: "boot-1", Last: 2, Receipts: []probes.Receipt{{Seq: 2}}}},
			}
		}
		got++
		return []probes.Reply{observed(o)}
	})
}

// cutAt is an exec that passes on the first n bytes of another's replies, and
// breaks.
func cutAt(n int, whole opener) opener {
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return whole(ctx, stdin, &cutWriter{left: n, to: stdout}, stderr)
	}
}

type cutWriter struct {
	left int
	to   io.Writer
}

var errCut = errors.New("connection reset by peer")

func (w *cutWriter) Write(p []byte) (int, error) {
	n := min(w.left, len(p))
	w.left -= n
	if n > 0 {
		if m, err := w.to.Write(p[:n]); err != nil {
			return m, err
		}
	}
	if w.left == 0 {
		return n, errCut
	}
	return n, nil
}

// inPieces is an exec that passes on another's replies a few bytes at a time.
func inPieces(whole opener) opener {
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		return whole(ctx, stdin, pieces{stdout}, stderr)
	}
}

type pieces struct{ to io.Writer }

func (w pieces) Write(p []byte) (int, error) {
	for piece := range slices.Chunk(p, 7) {
		if _, err := w.to.Write(piece); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func TestRepliesComeInPieces(t *testing.T) {
	t.Parallel()
	s := testSession(t, inPieces(honest(t)))
	orders := []probes.Order{{ID: "a", Nonce: "1"}, {ID: "b", Nonce: "2"}}
	got, err := s.attempt(t.Context(), orders, time.Second)
	require.NoError(t, err)
	require.Len(t, got, 2)
	receipts, err := s.receipts(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, receipts.Receipts, 2)
}

// inTurn opens the first exec, then the second, and so on; the last again and
// again.
func inTurn(execs ...opener) opener {
	i := -1
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		i = min(i+1, len(execs)-1)
		return execs[i](ctx, stdin, stdout, stderr)
	}
}

func requireOwn(t *testing.T, orders []probes.Order, got answers) {
	t.Helper()
	require.LessOrEqual(t, len(got), len(orders))
	for nonce, o := range got {
		require.Equal(t, nonce, o.Nonce)
		require.Equal(t, nonce, string(o.Bytes), "an answer is never another's")
	}
}

func TestLostExecFrameIsNoAnswer(t *testing.T) {
	t.Parallel()
	orders := ordersOf(3)
	whole := len(encode(t, observed(orders[0]), observed(orders[1]), observed(orders[2]), probes.Reply{End: &probes.End{Got: 3, Answered: 3}}))
	for n := 1; n <= whole; n++ {
		synctest.Test(t, func(t *testing.T) {
			s := testSession(t, inTurn(cutAt(n, honest(t)), honest(t)))
			got, err := s.attempt(t.Context(), orders, each)
			require.NoError(t, err, n)
			require.Len(t, got, len(orders), n)
			requireOwn(t, orders, got)
		})
		synctest.Test(t, func(t *testing.T) {
			s := testSession(t, func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
				return cutAt(n, honest(t))(ctx, stdin, stdout, stderr)
			})
			got, err := s.attempt(t.Context(), orders, each)
			requireOwn(t, orders, got)
			if len(got) < len(orders) {
				require.ErrorIs(t, err, errCut, n)
			}
		})
	}
}

func TestReceiptsCutAtEveryByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		want, err := testSession(t, honest(t)).receipts(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, []probes.Receipt{{Seq: 1}, {Seq: 2}}, want.Receipts)
	})
	for n := 1; n < 200; n++ {
		synctest.Test(t, func(t *testing.T) {
			got, err := testSession(t, inTurn(cutAt(n, honest(t)), honest(t))).receipts(t.Context(), 0)
			require.NoError(t, err, n)
			require.Equal(t, []probes.Receipt{{Seq: 1}, {Seq: 2}}, got.Receipts, "cut at %d: once each", n)
			require.True(t, gapless(got, 0))
		})
	}
}

func TestBatchesOnOneStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		whole := honest(t)
		s := testSession(t, func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
			opened++
			return whole(ctx, stdin, stdout, stderr)
		})
		keyed, err := s.key(t.Context(), probes.NewKey())
		require.NoError(t, err)
		assert.Equal(t, "boot-1", keyed.Boot)
		for range 3 {
			got, err := s.attempt(t.Context(), ordersOf(400), each)
			require.NoError(t, err)
			require.Len(t, got, 400)
		}
		assert.Equal(t, 1, opened)
	})
}

// Peers that do not keep to the format, each for all the tries.
func TestExecErrorIsNoDenial(t *testing.T) {
	t.Parallel()
	end := func(n int) probes.Reply { return probes.Reply{End: &probes.End{Got: n, Answered: n}} }
	atFlush := func(t testing.TB, replies ...probes.Reply) opener {
		return peer(t, func(o probes.Order) []probes.Reply {
			if o.Do == probes.DoFlush {
				return replies
			}
			return nil
		})
	}
	raw := func(text string) func(testing.TB, []probes.Order) opener {
		return func(testing.TB, []probes.Order) opener {
			return func(_ context.Context, stdin io.Reader, stdout, _ io.Writer) error {
				if _, err := stdin.Read(make([]byte, 1)); err != nil {
					return err
				}
				_, err := io.WriteString(stdout, text)
				return err
			}
		}
	}
	for _, c := range []struct {
		name string
		open func(testing.TB, []probes.Order) opener
		want string
		got  int
	}{
		{"too few got", func(t testing.TB, o []probes.Order) opener { return atFlush(t, observed(o[0]), end(0)) }, "the probe got 0 of 1 attempts and answered 0", 1},
		{"more got than sent", func(t testing.TB, _ []probes.Order) opener { return atFlush(t, end(9)) }, "the probe got 9 of 2 attempts and answered 9", 0},
		{"not all answered", func(t testing.TB, o []probes.Order) opener {
			return atFlush(t, observed(o[0]), probes.Reply{End: &probes.End{Got: 2, Answered: 1}})
		}, "and answered 1", 1},
		{"a line of an answer lost on the way", func(t testing.TB, o []probes.Order) opener {
			sent := 0
			return peer(t, func(got probes.Order) []probes.Reply {
				if got.Do != probes.DoFlush {
					sent++
					return nil
				}
				n := sent
				sent = 0
				return []probes.Reply{observed(o[0]), end(n)}
			})
		}, "its answer to id-1 did not come", 1},
		{"an answer to another nonce", func(t testing.TB, _ []probes.Order) opener {
			return atFlush(t, observed(probes.Order{Do: probes.DoTCP, ID: "id-0", Round: 1, Nonce: "another"}), end(2))
		}, "did not come", 0},
		{"a nonce with another's id", func(t testing.TB, o []probes.Order) opener {
			x := o[0]
			x.ID = "id-1"
			return atFlush(t, observed(x), end(2))
		}, "did not come", 0},
		{"a nonce of another round", func(t testing.TB, o []probes.Order) opener {
			x := o[0]
			x.Round = 2
			return atFlush(t, observed(x), end(2))
		}, "did not come", 0},
		{"another kind of attempt", func(t testing.TB, o []probes.Order) opener {
			x := o[0]
			x.Do = probes.DoConnect
			return atFlush(t, observed(x), end(2))
		}, "did not come", 0},
		{"a fault", func(t testing.TB, _ []probes.Order) opener {
			return peer(t, func(probes.Order) []probes.Reply { return []probes.Reply{{Fault: "reading an order: no"}} })
		}, "the probe: reading an order: no", 0},
		{"garbage", raw("OCI runtime exec failed\n"), "a reply of the probe cannot be read", 0},
		{"an empty line", raw("\n"), "a reply of the probe cannot be read", 0},
		{"a list", raw("[]\n"), "a reply of the probe cannot be read", 0},
		{"garbage without an end", raw(strings.Repeat("x", 9<<20)), "longer than 8388608 bytes", 0},
		{"replies of no kind", raw("{}\nnull\n{\"else\":1}\n"), "ended before its terminator", 0},
		{"nothing at all", raw(""), "ended before its terminator", 0},
		{"the terminator before the orders", func(t testing.TB, _ []probes.Order) opener {
			return func(ctx context.Context, _ io.Reader, stdout, _ io.Writer) error {
				_, err := stdout.Write(encode(t, end(2)))
				<-ctx.Done()
				return err
			}
		}, "did not come", 0},
		{"the wrong terminator, and nobody reads", func(t testing.TB, _ []probes.Order) opener {
			return func(ctx context.Context, _ io.Reader, stdout, _ io.Writer) error {
				_, err := stdout.Write(encode(t, end(7)))
				<-ctx.Done()
				return err
			}
		}, "the probe got 7 of 2 attempts", 0},
		{"nobody reads", func(testing.TB, []probes.Order) opener {
			return func(ctx context.Context, _ io.Reader, _, _ io.Writer) error { <-ctx.Done(); return ctx.Err() }
		}, "made no progress in time", 0},
		{"nobody answers", func(testing.TB, []probes.Order) opener {
			return func(_ context.Context, stdin io.Reader, _, _ io.Writer) error {
				_, err := io.Copy(io.Discard, stdin)
				return err
			}
		}, "made no progress in time", 0},
		{"an exec that does not start", func(testing.TB, []probes.Order) opener {
			return func(context.Context, io.Reader, io.Writer, io.Writer) error { return errors.New("403 Forbidden") }
		}, "exec: 403 Forbidden", 0},
		{"an exec that says why", func(testing.TB, []probes.Order) opener {
			return func(_ context.Context, _ io.Reader, _, stderr io.Writer) error {
				fmt.Fprintln(stderr, "probe: finding the probe of this pod: no such file")
				return errors.New("command terminated with exit code 1")
			}
		}, "exec: command terminated with exit code 1: probe: finding the probe of this pod: no such file", 0},
		{"an exec that ends well, but early", func(testing.TB, []probes.Order) opener {
			return func(_ context.Context, _ io.Reader, _, stderr io.Writer) error {
				fmt.Fprint(stderr, "bye")
				return nil
			}
		}, "ended before its terminator: bye", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				orders := ordersOf(2)
				start := time.Now()
				s := testSession(t, c.open(t, orders))
				got, err := s.attempt(t.Context(), orders, each)
				require.ErrorContains(t, err, c.want)
				assert.NotContains(t, err.Error(), "\n")
				assert.Len(t, got, c.got)
				requireOwn(t, orders, got)
				assert.Less(t, time.Since(start), streamTries*(2*batchTimeout(2, each)+2*time.Second))
			})
		})
	}
}

func TestAskThatGoesWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		open opener
		want string
	}{
		{"nobody reads", func(ctx context.Context, _ io.Reader, _, _ io.Writer) error { <-ctx.Done(); return ctx.Err() }, "no answer in time"},
		{"nobody answers", func(_ context.Context, stdin io.Reader, _, _ io.Writer) error {
			_, err := io.Copy(io.Discard, stdin)
			return err
		}, "no answer in time"},
		{"a fault", peer(t, func(probes.Order) []probes.Reply { return []probes.Reply{{Fault: "another key"}} }), "the probe: another key"},
		{"an exec that does not start", func(context.Context, io.Reader, io.Writer, io.Writer) error { return errors.New("403") }, "exec: 403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := testSession(t, c.open).key(t.Context(), probes.NewKey())
				require.ErrorContains(t, err, c.want)
				_, err = testSession(t, c.open).receipts(t.Context(), 0)
				require.ErrorContains(t, err, c.want)
				assert.LessOrEqual(t, time.Since(start), 2*(streamTries*askTimeout+3*time.Second))
			})
		})
	}
}

// A slow rate, or many pods that share it, is no stream that hangs.
func TestASlowRateIsNoHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := testSession(t, honest(t))
		s.limiter = rate.NewLimiter(rate.Every(time.Minute), 1)
		start := time.Now()
		got, err := s.attempt(t.Context(), ordersOf(60), each)
		require.NoError(t, err)
		require.Len(t, got, 60)
		assert.InDelta(t, 59, time.Since(start).Minutes(), 1)
	})
}

// A batch of any size has the time that its attempts take.
func TestALargeBatchOfSlowAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		s := testSession(t, func(ctx context.Context, stdin io.Reader, stdout, _ io.Writer) error {
			room := make(chan struct{}, probes.DefaultInFlight)
			done := make(chan probes.Order, n)
			got := 0
			for lines := bufio.NewScanner(stdin); lines.Scan(); {
				var o probes.Order
				require.NoError(t, json.Unmarshal(lines.Bytes(), &o))
				if o.Do == probes.DoFlush {
					for range got {
						if _, err := stdout.Write(encode(t, observed(<-done))); err != nil {
							return err
						}
					}
					if _, err := stdout.Write(encode(t, probes.Reply{End: &probes.End{Got: got, Answered: got}})); err != nil {
						return err
					}
					continue
				}
				got++
				room <- struct{}{}
				time.AfterFunc(each, func() { <-room; done <- o })
			}
			return ctx.Err()
		})
		got, err := s.attempt(t.Context(), ordersOf(n), each)
		require.NoError(t, err)
		require.Len(t, got, n)
	})
}

// A probe that stays silent is waited for once; what else a run wants of it
// costs a short question each. One that speaks again is asked as before.
func TestASilentProbeHoldsARunUpOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var speaks atomic.Bool // asked by execs that may outlive their streams
		silent := func(ctx context.Context, _ io.Reader, _, _ io.Writer) error { <-ctx.Done(); return ctx.Err() }
		s := testSession(t, func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
			if !speaks.Load() {
				return silent(ctx, stdin, stdout, stderr)
			}
			return honest(t)(ctx, stdin, stdout, stderr)
		})
		start := time.Now()
		_, err := s.attempt(t.Context(), ordersOf(3), each)
		require.ErrorIs(t, err, errStuck)
		assert.Less(t, time.Since(start), takeTimeout(each)+signTimeout+10*time.Second)

		start = time.Now()
		_, err = s.attempt(t.Context(), ordersOf(3), each)
		require.ErrorIs(t, err, errStuck, "for the reason for which it failed")
		_, err = s.receipts(t.Context(), 0)
		require.ErrorIs(t, err, errStuck)
		assert.Less(t, time.Since(start), 2*(signTimeout+5*time.Second))

		speaks.Store(true)
		got, err := s.attempt(t.Context(), ordersOf(3), each)
		require.NoError(t, err)
		assert.Len(t, got, 3)
	})
}

func TestACancelledRunEndsAtOnce(t *testing.T) {
	t.Parallel()
	silent := func(ctx context.Context, _ io.Reader, _, _ io.Writer) error { <-ctx.Done(); return ctx.Err() }
	for name, do := range map[string]func(context.Context, *session) error{
		"attempts": func(ctx context.Context, s *session) error {
			_, err := s.attempt(ctx, ordersOf(3), each)
			return err
		},
		"attempts that wait for their turn": func(ctx context.Context, s *session) error {
			s.limiter = rate.NewLimiter(rate.Every(time.Hour), 1)
			s.limiter.Allow()
			_, err := s.attempt(ctx, ordersOf(3), each)
			return err
		},
		"a question": func(ctx context.Context, s *session) error {
			_, err := s.receipts(ctx, 0)
			return err
		},
	} {
		for _, after := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprintf("%s after %s", name, after), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					if after == 0 {
						cancel()
					}
					time.AfterFunc(after, cancel)
					s := testSession(t, silent)
					s.life = ctx
					start := time.Now()
					require.ErrorIs(t, do(ctx, s), context.Canceled)
					assert.Equal(t, after, time.Since(start))
				})
			})
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		open func(hold chan struct{}) opener
		want time.Duration
	}{
		{"an exec that ends with its stdin", func(chan struct{}) opener { return honest(t) }, 0},
		{"an exec that ends with its context only", func(chan struct{}) opener {
			return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
				_ = honest(t)(ctx, stdin, stdout, stderr)
				<-ctx.Done()
				return nil
			}
		}, closeGrace},
		{"an exec that does not end at all", func(hold chan struct{}) opener {
			return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
				_ = honest(t)(ctx, stdin, stdout, stderr)
				<-hold
				return nil
			}
		}, closeGrace},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hold := make(chan struct{})
				defer close(hold)
				s := testSession(t, c.open(hold))
				_, err := s.key(t.Context(), probes.NewKey())
				require.NoError(t, err)
				start := time.Now()
				s.close()
				assert.Equal(t, c.want, time.Since(start))
				s.close()
			})
		})
	}
}

func TestCloseBeforeAnythingWasOpened(t *testing.T) {
	t.Parallel()
	testSession(t, nil).close()
}

func TestStderrIsBounded(t *testing.T) {
	t.Parallel()
	var b boundedBuffer
	for range 100 {
		n, err := b.Write(bytes.Repeat([]byte("x"), 1000))
		require.NoError(t, err)
		require.Equal(t, 1000, n)
	}
	assert.Len(t, b.String(), 4096)
}

// The two ends as they are: a real probe behind the stream, with a real target.
func TestSessionWithARealProbe(t *testing.T) {
	t.Parallel()
	target, err := probes.ListenTarget(probes.TargetOptions{Host: "127.0.0.1", Ports: probes.Ports{TCP: []int{0}, UDP: []int{0}}})
	require.NoError(t, err)
	defer target.Close()
	go target.Serve(t.Context())
	server := probes.NewServer(target, 0)
	s := testSession(t, func(ctx context.Context, stdin io.Reader, stdout, _ io.Writer) error {
		return server.Serve(ctx, struct {
			io.Reader
			io.Writer
		}{stdin, stdout})
	})
	key := probes.NewKey()
	keyed, err := s.key(t.Context(), key)
	require.NoError(t, err)
	assert.Equal(t, target.Boot(), keyed.Boot)
	assert.Equal(t, target.NoSCTP(), keyed.NoSCTP)

	var orders []probes.Order
	for do, port := range map[probes.Do]int{probes.DoHTTP: target.Ports().HTTP, probes.DoTCP: target.Ports().TCP[0], probes.DoUDP: target.Ports().UDP[0]} {
		for range 20 {
			o := probes.Order{Do: do, ID: string(do), Round: 1, Nonce: probes.NewNonce(), Host: "127.0.0.1", Port: port, Deadline: probes.Duration(patience)}
			o.Token = key.Token(o.Nonce)
			orders = append(orders, o)
		}
	}
	got, err := s.attempt(t.Context(), orders, patience)
	require.NoError(t, err)
	for _, o := range orders {
		seen := got[o.Nonce]
		require.NotNil(t, seen, o.ID)
		assert.Equal(t, probes.Genuine, probes.Authenticate(*seen, o.Question(), key, nil), "%s: %+v", o.ID, seen)
	}
	receipts, err := s.receipts(t.Context(), 0)
	require.NoError(t, err)
	assert.True(t, gapless(receipts, 0))
	nonces := map[string]bool{}
	for _, r := range receipts.Receipts {
		nonces[r.Nonce] = true
	}
	assert.Len(t, nonces, len(orders))
}

// The fixtures sign as a real target does, or the runs on fakes prove nothing.
func TestTheFixturesSignature(t *testing.T) {
	t.Parallel()
	key := probes.NewKey()
	assert.True(t, key.Verify("tcp", 9007, "nonce", sign(key, "tcp", 9007, "nonce", "boot", 7)))
}
