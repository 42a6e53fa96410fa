package e2e

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// cutter stands between the runner and the API server and cuts connections.
type cutter struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	random   *rand.Rand
	budget   int          // exec streams that will be cut
	down     atomic.Bool  // nothing passes any more
	cuts     atomic.Int64 // made
	conns    map[net.Conn]bool
}

func newCutter(t *testing.T, seed uint64) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u, err := url.Parse(lab.runner.Host)
	require.NoError(t, err)
	c := &cutter{listener: l, to: u.Host, random: rand.New(rand.NewPCG(seed, 0)), conns: map[net.Conn]bool{}}
	go c.accept()
	t.Cleanup(func() { l.Close() })
	t.Logf("cutter seed %d", seed)
	return c
}

// config is the runner's, through the cutter.
func (c *cutter) config() *rest.Config {
	config := rest.CopyConfig(lab.runner)
	config.Host = "https://" + c.listener.Addr().String()
	return config
}

// arm lets the next exec streams be cut at a random byte each.
func (c *cutter) arm(streams int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.budget = streams
}

// cutAll cuts every connection there is, and with down every later one.
func (c *cutter) cutAll(down bool) {
	c.down.Store(down)
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		c.cuts.Add(1)
		conn.Close()
	}
}

func (c *cutter) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		go c.serve(conn)
	}
}

// offersHTTP2 is in the first bytes of all connections but those of exec
// streams: the offer of HTTP/2 in TLS (RFC 7301, section 3.1).
var offersHTTP2 = []byte("\x02h2")

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	if c.down.Load() {
		return
	}
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	hello := make([]byte, 4096)
	n, err := client.Read(hello)
	if err != nil {
		return
	}
	if _, err := server.Write(hello[:n]); err != nil {
		return
	}
	c.mu.Lock()
	c.conns[client] = true
	limit := int64(1) << 62
	if c.budget > 0 && !bytes.Contains(hello[:n], offersHTTP2) {
		c.budget--
		limit = 1500 + c.random.Int64N(12000)
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.conns, client)
	}()
	left := &allowance{}
	left.n.Store(limit)
	done := make(chan struct{}, 2)
	go func() { c.copy(server, client, left); done <- struct{}{} }()
	go func() { c.copy(client, server, left); done <- struct{}{} }()
	<-done
}

type allowance struct{ n atomic.Int64 }

// copy passes bytes until the connection's allowance, in both directions
// together, is used up.
func (c *cutter) copy(to io.Writer, from io.Reader, left *allowance) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		rest := left.n.Add(-int64(n))
		if rest < 0 {
			keep := max(0, int64(n)+rest)
			_, _ = to.Write(b[:keep])
			c.cuts.Add(1)
			return
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
