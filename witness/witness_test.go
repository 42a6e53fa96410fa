package witness

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/tenancy"
)

func newKey() Key {
	k := make(Key, keySize)
	_, _ = rand.Read(k)
	return k
}

// standing is a witness on ports of the system's choice.
func standing(t *testing.T, receipts int) (*Server, Key) {
	t.Helper()
	key := newKey()
	s, err := Listen(Options{
		Host: "127.0.0.1", Control: "127.0.0.1:0", Key: key, Receipts: receipts,
		Ports: []tenancy.WitnessPort{{Kind: "http"}, {Kind: "tls"}, {Kind: "tcp"}, {Kind: "udp"}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return s, key
}

func clientOf(t *testing.T, s *Server, key Key) *Client {
	t.Helper()
	c, err := NewClient(s.Control(), key)
	require.NoError(t, err)
	return c
}

// What arrives is answered, signed and told, whatever it speaks.
func TestWhatArrivesIsTold(t *testing.T) {
	s, key := standing(t, 0)
	client := clientOf(t, s, key)
	begun, err := client.Now(t.Context())
	require.NoError(t, err)
	assert.Empty(t, begun.Receipts)
	ports := s.Ports()
	for do, port := range map[probes.Do]int{probes.DoHTTP: ports.HTTP, probes.DoTLS: ports.TLS[0], probes.DoTCP: ports.TCP[0], probes.DoUDP: ports.UDP[0]} {
		nonce := probes.NewNonce()
		order := probes.Order{Do: do, Nonce: nonce, Token: client.Answers().Token(nonce), Host: "127.0.0.1", Port: port, Deadline: probes.Duration(5 * time.Second)}
		seen := probes.NewSource(nil).Attempt(t.Context(), order)
		assert.Equal(t, probes.Genuine, probes.Authenticate(seen, order.Question(), key.Answers(), nil), "%s: %+v", do, seen)
		told, err := client.Receipts(t.Context(), begun.Last)
		require.NoError(t, err)
		require.NotEmpty(t, told.Receipts)
		last := told.Receipts[len(told.Receipts)-1]
		assert.Equal(t, nonce, last.Nonce, do)
		assert.True(t, last.Good)
		assert.Equal(t, begun.Boot, told.Boot)
	}
}

// Nothing is told to a stranger, be he without a certificate or with another
// witness's, and nothing is believed of one.
func TestStrangers(t *testing.T) {
	s, key := standing(t, 0)
	_, err := clientOf(t, s, newKey()).Now(t.Context())
	require.ErrorContains(t, err, errStranger.Error())

	stranger, err := secured(key, endClient, endServer)
	require.NoError(t, err)
	other, err := certify(newKey().identity(endClient))
	require.NoError(t, err)
	server, err := certify(key.identity(endServer))
	require.NoError(t, err)
	for name, certificates := range map[string][]tls.Certificate{"none": nil, "another key's": {other}, "the server's own": {server}} {
		stranger.Certificates = certificates
		conn, err := tls.Dial("tcp", s.Control(), stranger)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, "GET "+receiptsPath+" HTTP/1.1\r\nHost: x\r\n\r\n")
		answer, err := io.ReadAll(conn)
		assert.Error(t, err, name)
		assert.Empty(t, answer, name)
		_ = conn.Close()
	}
	response, err := http.Get("http://" + s.Control() + receiptsPath)
	if err == nil {
		defer response.Body.Close()
		assert.NotEqual(t, http.StatusOK, response.StatusCode)
	}
	_, err = clientOf(t, s, key).Now(t.Context())
	require.NoError(t, err, "whoever has the key is still told")
}

// A run begins with what it could not have caused left out; a flood that comes
// meanwhile shows as lost, and costs no more memory than there was.
func TestAFloodIsBoundedAndSaid(t *testing.T) {
	const size = 8
	s, key := standing(t, size)
	client := clientOf(t, s, key)
	knock := func(n int) {
		for range n {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Ports().TCP[0]))
			require.NoError(t, err)
			_, _ = io.ReadAll(io.LimitReader(conn, 0))
			_ = conn.Close()
		}
	}
	arrived := func(after, n uint64) probes.Receipts {
		var told probes.Receipts
		require.Eventually(t, func() bool {
			var err error
			told, err = client.Receipts(t.Context(), after)
			return err == nil && told.Last >= after+n
		}, 5*time.Second, 10*time.Millisecond)
		return told
	}
	knock(3 * size) // before anybody asked
	arrived(0, 3*size)
	begun, err := client.Now(t.Context())
	require.NoError(t, err)

	knock(2)
	told := arrived(begun.Last, 2)
	assert.Equal(t, begun.Lost, told.Lost, "what came before the run is none of its losses")
	assert.Len(t, told.Receipts, 2)

	knock(2 * size)
	told = arrived(told.Last, 2*size)
	assert.Greater(t, told.Lost, begun.Lost)
	assert.LessOrEqual(t, len(told.Receipts), size)
}

func TestPorts(t *testing.T) {
	for name, ports := range map[string][]tenancy.WitnessPort{
		"none": nil, "no HTTP": {{Kind: "tcp", Number: 1}}, "HTTP twice": {{Kind: "http", Number: 1}, {Kind: "http", Number: 2}},
	} {
		_, err := Listen(Options{Ports: ports, Key: newKey()})
		assert.ErrorContains(t, err, "a witness listens for HTTP on one port", name)
	}
}

// A file that holds no key is refused, without a word of what it holds.
func TestReadKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	_, err := ReadKey(path)
	require.ErrorContains(t, err, "reading the witness's key")
	good := newKey()
	for text, ok := range map[string]bool{
		base64.StdEncoding.EncodeToString(good) + "\n": true,
		base64.StdEncoding.EncodeToString(good[:31]):   false,
		"secret":               false,
		strings.Repeat("s", 9): false,
		"":                     false,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		key, err := ReadKey(path)
		if ok {
			require.NoError(t, err)
			assert.Equal(t, good, key)
			continue
		}
		require.ErrorIs(t, err, errKey)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// Nothing that travels tells the key, and no derived one stands for another.
func TestDerivedKeysDiffer(t *testing.T) {
	key := newKey()
	seen := map[string]bool{string(key): true}
	for _, k := range [][]byte{key.Answers(), key.identity(endServer).Seed(), key.identity(endClient).Seed()} {
		assert.False(t, seen[string(k)])
		seen[string(k)] = true
	}
}
