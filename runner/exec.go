package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	channels "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport"
	"k8s.io/streaming/pkg/httpstream"
)

// execs opens exec streams, by WebSocket or, where the way to the cluster knows
// none, by SPDY.
//
// A run holds one to each of its pods all the time, nearly all of them idle.
// client-go's own streams by WebSocket keep some 150 kB each; these, of the same
// protocol and heartbeat, keep what a line needs.
type execs struct {
	config    *rest.Config
	client    rest.Interface
	transport *transport.Config
	dialer    websocket.Dialer
}

// execBuffer is the size of what a stream reads and writes by, in bytes: an
// order or an observation.
const execBuffer = 2 << 10

// handshake is how long a server may take to answer, whatever becomes of who
// asked: the dialer heeds no context while it waits.
const handshake = 45 * time.Second

func newExecs(c *Cluster) (*execs, error) {
	config := rest.CopyConfig(c.Config)
	how, err := config.TransportConfig()
	if err != nil {
		return nil, fmt.Errorf("reading how to speak to the cluster: %w", err)
	}
	tlsConfig, err := transport.TLSConfigFor(how)
	if err != nil {
		return nil, fmt.Errorf("reading how to speak to the cluster: %w", err)
	}
	proxy := config.Proxy
	if proxy == nil {
		proxy = utilnet.NewProxierWithNoProxyCIDR(http.ProxyFromEnvironment)
	}
	return &execs{
		config: config, client: c.Client.CoreV1().RESTClient(), transport: how,
		dialer: websocket.Dialer{
			Proxy: proxy, TLSClientConfig: tlsConfig, NetDialContext: config.Dial,
			Subprotocols:     []string{channels.StreamProtocolV5Name},
			HandshakeTimeout: handshake,
			ReadBufferSize:   execBuffer,
			WriteBufferSize:  execBuffer, WriteBufferPool: &sync.Pool{},
		},
	}, nil
}

// opener execs the probe's pipe in a pod.
func (e *execs) opener(q *pod) opener {
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		url := e.client.Post().
			Resource("pods").Namespace(q.place.namespace).Name(q.name).SubResource("exec").
			VersionedParams(&corev1.PodExecOptions{
				Container: container, Command: []string{"/probe", "pipe", "--socket", socketPath},
				Stdin: true, Stdout: true, Stderr: true,
			}, scheme.ParameterCodec).URL()
		streams := remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: stderr}
		err := e.stream(ctx, url.String(), streams)
		if !httpstream.IsUpgradeFailure(err) && !httpstream.IsHTTPSProxyError(err) {
			return err
		}
		spdy, again := remotecommand.NewSPDYExecutor(rest.CopyConfig(e.config), http.MethodPost, url)
		if again != nil {
			return fmt.Errorf("opening a stream by SPDY: %w", again)
		}
		return bothReasons(err, spdy.StreamWithContext(ctx, streams))
	}
}

// bothReasons are why there was no stream by WebSocket and none by SPDY, once
// where they say the same.
func bothReasons(first, second error) error {
	var refused *httpstream.UpgradeFailureError
	if second == nil || !errors.As(first, &refused) || strings.Contains(second.Error(), refused.Cause.Error()) {
		return second
	}
	return fmt.Errorf("%w; and by WebSocket: %w", second, refused.Cause)
}

// stream is one exec by WebSocket, from its start to its end.
func (e *execs) stream(ctx context.Context, url string, streams remotecommand.StreamOptions) error {
	conn, err := e.dial(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it is over
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	s := &execStream{Conn: conn}
	if err := s.keepAlive(); err != nil {
		return err
	}
	go s.send(streams.Stdin)
	err = s.receive(streams.Stdout, streams.Stderr)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// dial asks for a WebSocket with all that the cluster wants to know of a client.
func (e *execs) dial(ctx context.Context, url string) (*websocket.Conn, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	to := &upgrade{dialer: &e.dialer}
	wrapped, err := transport.HTTPWrappersForConfig(e.transport, to)
	if err != nil {
		return nil, err
	}
	resp, err := wrapped.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close() // of an upgrade, that has none
	return to.conn, nil
}

// upgrade is a round trip that ends in a WebSocket.
type upgrade struct {
	dialer *websocket.Dialer
	conn   *websocket.Conn
}

// RoundTrip fails with an UpgradeFailureError where a server answers and will
// not.
func (u *upgrade) RoundTrip(req *http.Request) (*http.Response, error) {
	to := *req.URL
	switch to.Scheme {
	case "https":
		to.Scheme = "wss"
	case "http":
		to.Scheme = "ws"
	}
	conn, resp, err := u.dialer.DialContext(req.Context(), to.String(), req.Header)
	switch {
	case errors.Is(err, websocket.ErrBadHandshake):
		return nil, &httpstream.UpgradeFailureError{Cause: saidNo(resp, err)}
	case err != nil:
		return nil, err
	case conn.Subprotocol() != channels.StreamProtocolV5Name:
		_ = conn.Close() // nothing was said yet
		return nil, &httpstream.UpgradeFailureError{Cause: fmt.Errorf("the server offers protocol %q, and not %s",
			conn.Subprotocol(), channels.StreamProtocolV5Name)}
	}
	u.conn = conn
	return resp, nil
}

// saidNo is the API server's own reason, where it gives one. The dialer keeps a
// kilobyte of it.
func saidNo(resp *http.Response, err error) error {
	if resp == nil {
		return err
	}
	text, _ := io.ReadAll(resp.Body) // as much as there is
	_ = resp.Body.Close()            // it is read
	if status := statusIn(text); status != nil {
		return status
	}
	return fmt.Errorf("%w (%s): %s", err, resp.Status, bytes.TrimSpace(text))
}

// statusIn is what an API server's status says, nil where it is none.
func statusIn(text []byte) *apierrors.StatusError {
	var status metav1.Status
	if err := json.Unmarshal(text, &status); err == nil && status.Status != "" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	return nil
}

// execStream is a WebSocket whose messages begin with the number of a channel.
type execStream struct{ *websocket.Conn }

const (
	// heartbeat is how often a peer is asked whether it is there, and peerPatience how
	// long it may be silent; as client-go has them.
	heartbeat    = 5 * time.Second
	peerPatience = 61 * time.Second
	// afterStatus is how long what was said before the end may come after it.
	afterStatus = 5 * time.Second
)

// keepAlive moves the time until which the peer has to say something, with each
// answer to a heartbeat.
func (s *execStream) keepAlive() error {
	s.SetPongHandler(func(string) error { return s.SetReadDeadline(time.Now().Add(peerPatience)) })
	time.AfterFunc(heartbeat, s.ping)
	return s.SetReadDeadline(time.Now().Add(peerPatience))
}

// ping goes on until the connection is closed.
func (s *execStream) ping() {
	if s.WriteControl(websocket.PingMessage, nil, time.Now().Add(peerPatience)) == nil {
		time.AfterFunc(heartbeat, s.ping)
	}
}

// send hands on stdin, and its end. What goes wrong shows to the reader.
func (s *execStream) send(stdin io.Reader) {
	message := make([]byte, execBuffer)
	message[0] = channels.StreamStdIn
	for {
		n, err := stdin.Read(message[1:])
		if n > 0 && s.write(message[:1+n]) != nil {
			return
		}
		if errors.Is(err, io.EOF) {
			_ = s.write([]byte{channels.StreamClose, channels.StreamStdIn}) // which closes the connection where it fails
		}
		if err != nil {
			return
		}
	}
}

// write closes the connection where it fails, for the reader to notice.
func (s *execStream) write(message []byte) error {
	_ = s.SetWriteDeadline(time.Now().Add(peerPatience)) // the write tells
	err := s.WriteMessage(websocket.BinaryMessage, message)
	if err != nil {
		_ = s.Close() // it is of no more use
	}
	return err
}

// receive hands on stdout and stderr until the peer is done, and returns how
// the command ended.
func (s *execStream) receive(stdout, stderr io.Writer) error {
	var ended error
	buffer := make([]byte, execBuffer)
	for {
		_, message, err := s.NextReader()
		if err != nil {
			return s.over(ended, err)
		}
		if ended == nil {
			_ = s.SetReadDeadline(time.Now().Add(peerPatience)) // whoever speaks is there; the read tells
		}
		if _, err := io.ReadFull(message, buffer[:1]); err != nil {
			return fmt.Errorf("reading which channel a message is of: %w", err)
		}
		switch buffer[0] {
		case channels.StreamStdOut:
			_, err = io.CopyBuffer(stdout, message, buffer)
		case channels.StreamStdErr:
			_, err = io.CopyBuffer(stderr, message, buffer)
		case channels.StreamErr:
			ended, err = s.status(message)
		}
		if err != nil {
			return err
		}
	}
}

// errDone is how a command ended well.
var errDone = errors.New("the command ended")

// maxStatus bounds what is read of how a command ended, in bytes.
const maxStatus = 64 << 10

// status reads how the command ended, after which little can follow.
func (s *execStream) status(message io.Reader) (ended, err error) {
	text, err := io.ReadAll(io.LimitReader(message, maxStatus))
	if err != nil {
		return nil, err
	}
	s.SetPongHandler(func(string) error { return nil })
	if err := s.SetReadDeadline(time.Now().Add(afterStatus)); err != nil {
		return nil, err
	}
	switch status := statusIn(text); {
	case status == nil:
		return fmt.Errorf("the command ended with what is no status: %.200q", text), nil
	case status.ErrStatus.Status == metav1.StatusSuccess:
		return errDone, nil
	default:
		return status, nil
	}
}

// over is how the command ended, or else why nothing is known of that.
func (*execStream) over(ended, err error) error {
	switch {
	case errors.Is(ended, errDone):
		return nil
	case ended != nil:
		return ended
	}
	return err
}
