package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// channelsOf5 are stdin, stdout, stderr, the status and the terminal's size.
var channelsOf5 = []wsstream.ChannelType{
	wsstream.ReadChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.ReadChannel,
}

// execServer plays the API server's part of an exec with the library that API
// servers have for it.
func execServer(t *testing.T, protocol string, serve func(conn *wsstream.Conn, streams []io.ReadWriteCloser)) (*execs, *atomic.Int32) {
	t.Helper()
	var bySPDY atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer let-me-in":
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(metav1.Status{Status: metav1.StatusFailure, Message: "who is this?", Reason: metav1.StatusReasonUnauthorized, Code: http.StatusUnauthorized})
		case r.Method == http.MethodPost:
			bySPDY.Add(1)
			http.Error(w, "no SPDY either", http.StatusBadRequest)
		default:
			conn := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{protocol: {Binary: true, Channels: channelsOf5}})
			if _, streams, err := conn.Open(w, r); err == nil {
				serve(conn, streams)
				_ = conn.Close()
			}
		}
	}))
	t.Cleanup(server.Close)
	return execsOf(t, server, "let-me-in"), &bySPDY
}

func execsOf(t *testing.T, server *httptest.Server, token string) *execs {
	t.Helper()
	cluster, err := NewCluster(&rest.Config{Host: server.URL, BearerToken: token}, "test")
	require.NoError(t, err)
	e, err := newExecs(cluster)
	require.NoError(t, err)
	return e
}

const version5 = "v5.channel.k8s.io"

// inPod execs in some pod and waits for the end.
func (e *execs) inPod(ctx context.Context, stdin io.Reader) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	q := &pod{name: "a-pod", place: &place{}}
	err = e.opener(q)(ctx, stdin, &out, &errs)
	return out.String(), errs.String(), err
}

func endsWell(streams []io.ReadWriteCloser) {
	_ = json.NewEncoder(streams[3]).Encode(metav1.Status{Status: metav1.StatusSuccess})
}

func TestExecCarriesAllThatIsSaid(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("an order much longer than any buffer\n", 40<<10)
	e, _ := execServer(t, version5, func(_ *wsstream.Conn, streams []io.ReadWriteCloser) {
		all, _ := io.ReadAll(streams[0]) // ends where stdin's end is told
		_, _ = streams[2].Write([]byte("said beside"))
		_, _ = streams[1].Write(all)
		endsWell(streams)
	})
	stdout, stderr, err := e.inPod(t.Context(), strings.NewReader(long))
	require.NoError(t, err)
	require.True(t, stdout == long, "%d bytes of %d", len(stdout), len(long))
	require.Equal(t, "said beside", stderr)
}

func TestExecTellsHowItEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve func(*wsstream.Conn, []io.ReadWriteCloser)
		words string
	}{
		"the command fails": {func(_ *wsstream.Conn, streams []io.ReadWriteCloser) {
			_ = json.NewEncoder(streams[3]).Encode(metav1.Status{Status: metav1.StatusFailure, Message: "command terminated with exit code 137"})
		}, "command terminated with exit code 137"},
		"a status that is none": {func(_ *wsstream.Conn, streams []io.ReadWriteCloser) {
			_, _ = streams[3].Write([]byte("gibberish"))
		}, "what is no status: \"gibberish\""},
		"cut off": {func(conn *wsstream.Conn, streams []io.ReadWriteCloser) {
			_, _ = streams[1].Write([]byte("half a li"))
			_ = conn.Close()
		}, "close 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := execServer(t, version5, c.serve)
			_, _, err := e.inPod(t.Context(), strings.NewReader(""))
			require.ErrorContains(t, err, c.words)
		})
	}
}

// What came before a status is not lost by it.
func TestExecEndsAfterWhatWasSaid(t *testing.T) {
	t.Parallel()
	e, _ := execServer(t, version5, func(_ *wsstream.Conn, streams []io.ReadWriteCloser) {
		endsWell(streams)
		_, _ = streams[1].Write([]byte("late\n"))
	})
	stdout, _, err := e.inPod(t.Context(), strings.NewReader(""))
	require.NoError(t, err)
	require.Equal(t, "late\n", stdout)
}

func TestExecEndsWithItsContext(t *testing.T) {
	t.Parallel()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	e, _ := execServer(t, version5, func(_ *wsstream.Conn, streams []io.ReadWriteCloser) {
		cancel(why)
		_, _ = io.ReadAll(streams[0])
	})
	stdin, end := io.Pipe()
	t.Cleanup(func() { _ = end.Close() })
	_, _, err := e.inPod(ctx, stdin)
	require.ErrorIs(t, err, why)
}

func TestExecStopsWhereNobodyListens(t *testing.T) {
	t.Parallel()
	e, _ := execServer(t, version5, func(_ *wsstream.Conn, streams []io.ReadWriteCloser) {
		_, _ = streams[1].Write([]byte("to nobody"))
		_, _ = io.ReadAll(streams[0])
	})
	stdin, end := io.Pipe()
	t.Cleanup(func() { _ = end.Close() })
	from, to := io.Pipe()
	gone := errors.New("nobody is there")
	_ = from.CloseWithError(gone)
	err := e.opener(&pod{name: "a-pod", place: &place{}})(t.Context(), stdin, to, io.Discard)
	require.ErrorIs(t, err, gone)
}

// Older API servers speak other versions by WebSocket, which cannot tell the
// end of stdin; and proxies there are that let no WebSocket through.
func TestExecFallsBackToSPDY(t *testing.T) {
	t.Parallel()
	e, bySPDY := execServer(t, "v4.channel.k8s.io", func(*wsstream.Conn, []io.ReadWriteCloser) {})
	_, _, err := e.inPod(t.Context(), strings.NewReader(""))
	require.ErrorContains(t, err, "no SPDY either")
	require.ErrorContains(t, err, "and by WebSocket:")
	require.EqualValues(t, 1, bySPDY.Load())
}

func TestExecGivesTheServersReason(t *testing.T) {
	t.Parallel()
	e, _ := execServer(t, version5, nil)
	e.transport.BearerToken, e.config.BearerToken = "wrong", "wrong"
	_, _, err := e.inPod(t.Context(), strings.NewReader(""))
	require.ErrorContains(t, err, "who is this?")
	require.NotContains(t, err.Error(), "and by WebSocket", "it is said once")
}
