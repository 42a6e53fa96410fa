//go:build linux

package probes

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBannerGreetsWhoeverComes(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	port := portOf(target, "banner")
	in := bufio.NewReader(dialTCP(t, port))
	banner, err := in.ReadBytes('\n')
	require.NoError(t, err)
	assert.True(t, key.VerifyBanner(port, banner), "%q", banner)
	assert.False(t, key.VerifyBanner(port+1, banner), "another port")
	assert.False(t, NewKey().VerifyBanner(port, banner), "another key")
	assert.False(t, Key(nil).VerifyBanner(port, Key(nil).banner(port, "boot", 1)), "no key")

	got := receiptsOf(t, target, 1)[0]
	assert.Equal(t, []any{"banner", port, "", false}, []any{got.Proto, got.Port, got.Nonce, got.Good})
	said, ok := ParseAnswer(banner)
	assert.True(t, ok)
	assert.Equal(t, Answer{Nonce: "-", Boot: target.Boot(), Seq: got.Seq}, said, "it names the receipt of the very arrival")
}

func TestBannerAnswersGoodTokensOnly(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	port, nonce := portOf(target, "banner"), NewNonce()
	talk := func(token string) string {
		c := dialTCP(t, port)
		_, err := c.Write(question(nonce, token))
		require.NoError(t, err)
		all, err := io.ReadAll(c)
		require.NoError(t, err)
		_, answer, _ := strings.Cut(string(all), "\n")
		return answer
	}
	assert.True(t, key.Verify("banner", port, nonce, []byte(talk(key.Token(nonce)))))
	assert.Empty(t, talk(NewKey().Token(nonce)))
	got := receiptsOf(t, target, 2)
	assert.Equal(t, []bool{true, false}, []bool{got[0].Good, got[1].Good})
}

func TestBannerOfATargetWithoutAKeyIsSilence(t *testing.T) {
	t.Parallel()
	target := startKeyless(t, TargetOptions{})
	c := dialTCP(t, portOf(target, "banner"))
	_, err := c.Write(question("n", "t"))
	require.NoError(t, err)
	all, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Empty(t, all)
	assert.Equal(t, "n", receiptsOf(t, target, 1)[0].Nonce)
}

// TestABannerThroughAWallIsDisclosed has a wall that lets the target speak, and
// ends the connection in its own way once the source does.
func TestABannerThroughAWallIsDisclosed(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*net.TCPConn){
		"reset": resets, "closed": closes, "hung": hangs, "answered for": says("HTTP/1.1 403 Forbidden\r\n\r\n"),
		"cut at once": func(*net.TCPConn) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, key := startTarget(t, TargetOptions{})
			own := portOf(target, "banner")
			wall := far(t, func(c *net.TCPConn) {
				behind, err := net.Dial("tcp", hostPort("127.0.0.1", own))
				if err != nil {
					return
				}
				defer behind.Close()
				banner, _ := bufio.NewReader(behind).ReadBytes('\n')
				c.Write(banner)
				cut(c)
			})
			order := Order{Do: DoBanner, Host: "127.0.0.1", Port: wall, Nonce: NewNonce(), Deadline: short}
			order.Token = key.Token(order.Nonce)
			seen := NewSource(nil).Attempt(context.Background(), order)
			asked := order.Question()
			asked.Port = own
			assert.Equal(t, Disclosed, Classify(seen, Authenticate(seen, asked, key, nil)), "%+v", seen)
			assert.Equal(t, Misrouted, Classify(seen, Authenticate(seen, asked, NewKey(), []Key{key})), "a foreign banner")
			assert.False(t, receiptsOf(t, target, 1)[0].Good, "the arrival is a receipt, with no word of the source's")
		})
	}
}

// A mesh's proxy that takes both plain and encrypted connections keeps one to
// itself until it has seen which it is: a server that speaks first is silent, and
// open to whoever says something.
func TestABannerThatIsHeldBackIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"all of it": "", "but a part": "pw1 "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, key := startTarget(t, TargetOptions{})
			own := portOf(target, "banner")
			proxy := far(t, func(c *net.TCPConn) {
				c.Write([]byte(first))
				asked := make([]byte, 4096)
				n, err := c.Read(asked)
				if err != nil {
					return
				}
				behind, err := net.Dial("tcp", hostPort("127.0.0.1", own))
				if err != nil {
					return
				}
				defer behind.Close()
				behind.Write(asked[:n])
				all, _ := io.ReadAll(behind)
				c.Write([]byte(strings.TrimPrefix(string(all), first)))
			})
			order := Order{Do: DoBanner, Host: "127.0.0.1", Port: proxy, Nonce: NewNonce(), Deadline: Duration(4 * time.Second)}
			order.Token = key.Token(order.Nonce)
			seen := NewSource(nil).Attempt(context.Background(), order)
			asked := order.Question()
			asked.Port = own
			assert.Equal(t, Reached, Classify(seen, Authenticate(seen, asked, key, nil)), "%+v", seen)
			assert.GreaterOrEqual(t, seen.MS, 2000.0, "it was listened for first")
		})
	}
}

// FuzzVerifyBanner holds that no bytes pass for a banner but the very ones.
func FuzzVerifyBanner(f *testing.F) {
	key := Key(strings.Repeat("k", KeySize))
	good := key.banner(9013, "boot", 1)
	f.Add(good)
	f.Add(key.answer("banner", 9013, "nonce", "boot", 1))
	f.Fuzz(func(t *testing.T, line []byte) {
		if key.VerifyBanner(9013, line) && string(line) != string(good) {
			t.Fatalf("verified %q", line)
		}
	})
}
