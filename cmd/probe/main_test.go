package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
)

const patience = 20 * time.Second

// TestMain lets the test binary stand in for the probe: a process of its own,
// and no build inside the test.
func TestMain(m *testing.M) {
	if os.Getenv("PARTYWALL_TEST_PROBE") == "" {
		os.Exit(m.Run())
	}
	main()
}

func probe(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "PARTYWALL_TEST_PROBE=1")
	return cmd
}

// pod is a probe that serves in a process of its own.
type pod struct {
	t                      *testing.T
	cmd                    *exec.Cmd
	socket, boot           string
	http, tcp, udp, health int
	h2c, tls, banner       int
}

func startPod(t *testing.T, socket string, args ...string) *pod {
	t.Helper()
	p := &pod{t: t, socket: socket}
	p.cmd = probe(append([]string{
		"serve", "--socket", socket, "--host", "127.0.0.1",
		"--http-port", "0", "--echo-tcp-port", "0", "--echo-udp-port", "0", "--health-port", "0", "--h2c-port", "0", "--tls-port", "0", "--banner-port", "0",
	}, args...)...)
	log, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })

	lines := bufio.NewReader(log)
	line, err := lines.ReadString('\n')
	require.NoError(t, err, line)
	go io.Copy(io.Discard, lines)
	if strings.Contains(line, "source-only") {
		_, err = fmt.Sscanf(line, "probe dev, source-only, health=%d", &p.health)
	} else {
		line = strings.NewReplacer(",", "", "[", "", "]", "").Replace(line)
		_, err = fmt.Sscanf(line, "probe dev boot %s http=%d h2c=%d tls=%d tcp=%d udp=%d banner=%d health=%d",
			&p.boot, &p.http, &p.h2c, &p.tls, &p.tcp, &p.udp, &p.banner, &p.health)
	}
	require.NoError(t, err, line)
	return p
}

// exec is what the runner does: orders in, replies out, until both have ended.
func (p *pod) exec(orders ...probes.Order) []probes.Reply {
	p.t.Helper()
	var in, out, log bytes.Buffer
	for _, o := range orders {
		require.NoError(p.t, json.NewEncoder(&in).Encode(o))
	}
	cmd := probe("pipe", "--socket", p.socket)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &log
	require.NoError(p.t, cmd.Run(), log.String())
	var replies []probes.Reply
	for dec := json.NewDecoder(&out); dec.More(); {
		var r probes.Reply
		require.NoError(p.t, dec.Decode(&r))
		replies = append(replies, r)
	}
	return replies
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pw") //nolint:usetesting // t.TempDir may be too long for a socket's name
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "probe.sock")
}

func TestNonceAtTheReceiverOfEveryProtocol(t *testing.T) {
	t.Parallel()
	target := startPod(t, socketPath(t))
	source := startPod(t, socketPath(t), "--source-only")
	key := probes.NewKey()
	replies := target.exec(probes.Order{Do: probes.DoKey, Key: key})
	require.Len(t, replies, 1)
	assert.Equal(t, target.boot, replies[0].Keyed.Boot)

	asked := map[string]probes.Order{}
	var orders []probes.Order
	for do, port := range map[probes.Do]int{
		probes.DoHTTP: target.http, probes.DoTCP: target.tcp, probes.DoUDP: target.udp, probes.DoBanner: target.banner,
		probes.DoTLS: target.tls, probes.DoH2C: target.h2c,
	} {
		o := probes.Order{Do: do, ID: string(do), Host: "127.0.0.1", Port: port, Nonce: probes.NewNonce(), Deadline: probes.Duration(patience)}
		o.Token = key.Token(o.Nonce)
		asked[o.ID] = o
		orders = append(orders, o)
	}
	replies = source.exec(append(orders, probes.Order{Do: probes.DoFlush})...)
	require.Len(t, replies, len(orders)+1)
	from := map[string]string{}
	for _, r := range replies[:len(orders)] {
		seen := *r.Observed
		who := probes.Authenticate(seen, asked[seen.ID].Question(), key, nil)
		assert.Equal(t, probes.Reached, probes.Classify(seen, who), "%+v", seen)
		from[seen.Nonce] = seen.Local
	}
	assert.Equal(t, &probes.End{Got: len(orders), Answered: len(orders)}, replies[len(orders)].End)

	replies = target.exec(probes.Order{Do: probes.DoReceipts})
	require.Len(t, replies, 1)
	got := replies[0].Receipts
	require.Len(t, got.Receipts, len(orders))
	for _, r := range got.Receipts {
		assert.True(t, r.Good)
		assert.Equal(t, from[r.Nonce], r.Remote)
	}
}

func TestARestartChangesTheBootAndKeepsTheSocketsPlace(t *testing.T) {
	t.Parallel()
	socket := socketPath(t)
	first := startPod(t, socket)
	key := probes.NewKey()
	first.exec(probes.Order{Do: probes.DoKey, Key: key})
	require.NoError(t, first.cmd.Process.Kill()) // as the kernel does: the socket stays behind
	first.cmd.Wait()

	second := startPod(t, socket)
	replies := second.exec(probes.Order{Do: probes.DoKey, Key: probes.NewKey()})
	require.Len(t, replies, 1)
	require.NotNil(t, replies[0].Keyed, "a new life has no key")
	assert.NotEqual(t, first.boot, replies[0].Keyed.Boot)
	assert.Equal(t, second.boot, replies[0].Keyed.Boot)
}

func TestServeEndsAtOnceWhenTold(t *testing.T) {
	t.Parallel()
	p := startPod(t, socketPath(t))
	st, err := os.Stat(p.socket)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), st.Mode().Perm())
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", p.health))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)

	hanging, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.tcp))
	require.NoError(t, err)
	defer hanging.Close()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	assert.NoError(t, p.cmd.Wait(), "exit code 0")
}

func TestFurtherPorts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		args []string
		want func(*probes.Ports)
	}{
		{"none", nil, func(*probes.Ports) {}},
		{"TCP and UDP", []string{"--tcp-port", "5432", "--tcp-port", "6379", "--udp-port", "53"}, func(p *probes.Ports) {
			p.TCP, p.UDP = []int{9007, 5432, 6379}, []int{9053, 53}
		}},
		{"banners", []string{"--banner-port", "9013", "--banner-port", "3306"}, func(p *probes.Ports) { p.Banner = []int{9013, 3306} }},
		{"HTTP/2", []string{"--h2c-port", "50051"}, func(p *probes.Ports) { p.H2C = []int{50051} }},
		{"TLS", []string{"--tls-port", "443"}, func(p *probes.Ports) { p.TLS = []int{443} }},
		{"TLS where banners are by default", []string{"--tls-port", "9013"}, func(p *probes.Ports) { p.TLS, p.Banner = []int{9013}, []int{} }},
		{"a standard one for another kind", []string{"--tcp-port", "9013"}, func(p *probes.Ports) {
			p.TCP, p.Banner = []int{9007, 9013}, []int{}
		}},
		{"a standard one on UDP", []string{"--udp-port", "9013"}, func(p *probes.Ports) { p.UDP = []int{9053, 9013} }},
	} {
		want := probes.DefaultPorts()
		tc.want(&want)
		o, err := serveFlags(streams{err: io.Discard}, tc.args)
		require.NoError(t, err, tc.name)
		assert.Equal(t, want, o.target.Ports, tc.name)
		assert.Equal(t, defaultSocket, o.socket)
	}
}

func TestWhatThePersonIsTold(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	nowhere := filepath.Join(t.TempDir(), "no", "probe.sock")
	for _, tc := range []struct {
		name string
		args []string
		code int
		out  string
		err  string
	}{
		{"version", []string{"version"}, 0, "dev\n", ""},
		{"nothing", nil, 2, "", "usage: probe serve"},
		{"something else", []string{"bake"}, 2, "", "usage: probe serve"},
		{"an unknown flag", []string{"serve", "--loud"}, 2, "", "flag provided but not defined: -loud"},
		{"an argument", []string{"serve", "now"}, 2, "", `probe serve takes flags only, not "now"`},
		{"a bad port", []string{"serve", "--tcp-port", "99999"}, 2, "", "not a port"},
		{"no probe to pipe to", []string{"pipe", "--socket", nowhere}, 1, "", "probe: finding the probe of this pod"},
		{"no place for the socket", []string{"serve", "--source-only", "--socket", nowhere}, 1, "", "is a writable volume mounted there?"},
		{"a port in use", []string{"serve", "--host", "127.0.0.1", "--http-port", port}, 1, "", "probe: listening for HTTP on port " + port + ": listen tcp 127.0.0.1:" + port + ": bind: address already in use"},
		{"a further port in use", []string{"serve", "--host", "127.0.0.1", "--http-port", "0", "--echo-tcp-port", "0", "--echo-udp-port", "0", "--h2c-port", "0", "--tls-port", "0", "--banner-port", port}, 1, "", "probe: listening for banners on port " + port},
		{"the health port in use", []string{"serve", "--source-only", "--host", "127.0.0.1", "--socket", socketPath(t), "--health-port", port}, 1, "", "probe: listening for health checks on port " + port},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, log bytes.Buffer
			assert.Equal(t, tc.code, run(context.Background(), streams{strings.NewReader(""), &out, &log}, tc.args))
			assert.Equal(t, tc.out, out.String())
			assert.Contains(t, log.String(), tc.err)
		})
	}
}

func TestPipeSaysWhenTheProbeLeft(t *testing.T) {
	t.Parallel()
	socket := socketPath(t)
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
	}()
	in, hold := io.Pipe() // orders that never end
	defer hold.Close()
	err = pipe(context.Background(), streams{in, io.Discard, io.Discard}, []string{"--socket", socket})
	assert.ErrorContains(t, err, "the probe ended the stream before its orders ended")
}

func TestAFileThatIsNoSocketIsNotReplaced(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	_, err := listenSocket(path)
	assert.ErrorContains(t, err, "opening the socket for orders")
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(kept))
}
