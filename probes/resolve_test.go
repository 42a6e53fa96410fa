//go:build linux

package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lost is an address that is asked for in vain.
var lost = net.IPv4(192, 0, 2, 99)

// nameserver answers every question with the response code, and with addresses
// where there are any for the type of the question.
func nameserver(t *testing.T, code byte, v4, v6 net.IP) string {
	t.Helper()
	return namesBy(t, func(query []byte) []byte { return response(query, code, v4, v6) })
}

// namesBy answers questions by a function, where that has an answer.
func namesBy(t *testing.T, answer func(query []byte) []byte) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := answer(buf[:n]); answer != nil {
				c.WriteTo(answer, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

func response(query []byte, code byte, v4, v6 net.IP) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root, type and class
	r := append([]byte(nil), query[:end]...)
	r[2], r[3] = 0x84, 0x80|code // an authoritative answer; recursion available
	copy(r[6:12], make([]byte, 6))
	answer := v4.To4()
	if query[end-3] == 28 {
		answer = v6
	}
	if answer.Equal(lost) {
		return nil
	}
	if answer == nil {
		return r
	}
	r[7] = 1
	r = append(r, 0xc0, 12, query[end-4], query[end-3], 0, 1, 0, 0, 0, 5, 0, byte(len(answer)))
	return append(r, answer...)
}

func TestResolve(t *testing.T) {
	t.Parallel()
	v4, v6 := net.IPv4(127, 0, 0, 1), net.IPv6loopback
	port := closedPort(t, "tcp")
	silent, _ := silentUDP(t)
	for _, tc := range []struct {
		name, server, dns, remote string
		want                      Outcome
	}{
		{"both families", nameserver(t, 0, v4, v6), "", hostPort("127.0.0.1", port), Refused},
		{"IPv4 only", nameserver(t, 0, v4, nil), "", hostPort("127.0.0.1", port), Refused},
		{"no such name", nameserver(t, 3, nil, nil), DNSNXDomain, "", Unresolved},
		{"a name without addresses", nameserver(t, 0, nil, nil), DNSNoData, "", Unresolved},
		{"a broken server", nameserver(t, 2, nil, nil), DNSServFail, "", Error},
		{"a closed server", hostPort("127.0.0.1", closedPort(t, "udp")), DNSUnreachable, "", Error},
		{"no IPv6, and the answer for IPv4 is lost", nameserver(t, 0, lost, nil), DNSTimeout, "", Error},
		{"no IPv4, and the answer for IPv6 is lost", nameserver(t, 0, nil, lost), DNSTimeout, "", Error},
		{"a silent server", silent.LocalAddr().String(), DNSTimeout, "", Error},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			source := &Source{nameserver: tc.server}
			deadline := Duration(patience)
			if tc.dns == DNSTimeout {
				deadline = short
			}
			seen := source.Attempt(context.Background(), Order{Do: DoTCP, Host: "web.acme.test.", Port: port, Nonce: "n", Token: "t", Deadline: deadline})
			assert.Equal(t, tc.dns, seen.DNS, "%+v", seen)
			assert.Equal(t, tc.remote, seen.Remote)
			assert.Equal(t, tc.want, Classify(seen, Silent))
			if tc.dns != "" {
				assert.Equal(t, PhaseResolve, seen.Phase)
			}
		})
	}
}

func TestServiceNamesAreCompletedByTheSearchPath(t *testing.T) {
	t.Parallel()
	conf := func(text string) *Source {
		path := filepath.Join(t.TempDir(), "resolv.conf")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return &Source{resolvConf: path}
	}
	pod := conf("nameserver 192.0.2.1\nsearch acme.svc.corp.example svc.corp.example corp.example internal\noptions ndots:5\n")
	for host, want := range map[string]string{
		"x.acme.svc":               "x.acme.svc.corp.example.",
		"x.acme.svc.cluster.local": "x.acme.svc.cluster.local",
		"web.example":              "web.example",
	} {
		assert.Equal(t, want, absolute(host, pod.resolvers().search))
	}
	assert.Equal(t, "x.acme.svc", absolute("x.acme.svc", conf("search acme.svc.corp.example\n").resolvers().search), "without the cluster's domain")
	assert.Equal(t, "x.acme.svc.b.", absolute("x.acme.svc", conf("search svc.a\nsearch svc.b.\n").resolvers().search), "the last one holds")
	assert.Empty(t, conf("nameserver 192.0.2.1\nsearch\n").resolvers().search)
	assert.Equal(t, []string{"192.0.2.1"}, pod.resolvers().nameservers)
	assert.Empty(t, (&Source{resolvConf: filepath.Join(t.TempDir(), "none")}).resolvers().search)
}

// counting answers every question, and counts them.
func counting(t *testing.T) (server string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	return namesBy(t, func(query []byte) []byte {
		asked.Add(1)
		return response(query, 0, net.IPv4(127, 0, 0, 1), nil)
	}), asked
}

func TestABatchAsksForANameOnce(t *testing.T) {
	t.Parallel()
	server, asked := counting(t)
	source, batch := &Source{nameserver: server}, &names{}
	order := Order{Do: DoTCP, Host: "web.acme.test.", Port: closedPort(t, "tcp"), Nonce: "n", Token: "t", Deadline: Duration(patience)}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			seen := source.attempt(context.Background(), order, batch)
			assert.Equal(t, hostPort("127.0.0.1", order.Port), seen.Remote)
			assert.Equal(t, Refused, Classify(seen, Silent))
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, asked.Load())
	other := order
	other.Host = "db.acme.test."
	source.attempt(context.Background(), other, batch)
	source.attempt(context.Background(), order, &names{})
	assert.EqualValues(t, 3, asked.Load(), "another name, and the same in another batch")
}

// A name that nobody has told is each attempt's own question: none ends by the
// word that another was given.
func TestOnlyAnAddressIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var batch names
		var asked atomic.Int32
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				_, err := batch.resolve(t.Context(), "web", func() (netip.Addr, error) {
					time.Sleep(10 * time.Millisecond)
					return netip.Addr{}, fmt.Errorf("no %d", asked.Add(1))
				})
				assert.Error(t, err)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 5, asked.Load())
	})
}

func TestAnAddressIsAskedForAgainAfterAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var batch names
		asked := 0
		ask := func() (netip.Addr, error) { asked++; return netip.AddrFrom4([4]byte{10, 0, 0, byte(asked)}), nil }
		for range 3 {
			addr, err := batch.resolve(t.Context(), "web", ask)
			require.NoError(t, err)
			assert.Equal(t, "10.0.0.1", addr.String())
		}
		time.Sleep(fresh)
		addr, err := batch.resolve(t.Context(), "web", ask)
		require.NoError(t, err)
		assert.Equal(t, "10.0.0.2", addr.String())
	})
}

// The addresses of a name that is not of our making are tried by chance: each
// attempt asks.
func TestOthersNamesAreAskedForEachTime(t *testing.T) {
	t.Parallel()
	server, asked := counting(t)
	source, batch := &Source{nameserver: server}, &names{}
	for _, do := range []Do{DoConnect, DoFirst, DoHead, DoHello} {
		order := Order{Do: do, Host: "pg.acme.test.", Port: closedPort(t, "tcp"), Nonce: "n", Deadline: Duration(patience)}
		source.attempt(context.Background(), order, batch)
		source.attempt(context.Background(), order, batch)
	}
	assert.EqualValues(t, 8, asked.Load())
}

// A question that is lost takes nobody along but who asked it.
func TestALostQuestionIsOneAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var batch names
		lost := make(chan struct{})
		go batch.resolve(context.Background(), "web", func() (netip.Addr, error) { <-lost; return netip.Addr{}, errors.New("lost") })
		synctest.Wait()
		begun := time.Now()
		addr, err := batch.resolve(t.Context(), "web", func() (netip.Addr, error) { return netip.AddrFrom4([4]byte{10, 0, 0, 1}), nil })
		require.NoError(t, err)
		assert.Equal(t, "10.0.0.1", addr.String())
		assert.Equal(t, unanswered, time.Since(begun))
		close(lost)
	})
}

// An attempt waits for another's question no longer than for its own.
func TestWaitingForAnotherAttemptsQuestionEndsWithTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var batch names
		stuck := make(chan struct{})
		go batch.resolve(context.Background(), "web", func() (netip.Addr, error) { <-stuck; return netip.Addr{}, errors.New("late") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), unanswered/2)
		defer cancel()
		_, err := batch.resolve(ctx, "web", func() (netip.Addr, error) { t.Error("asked"); return netip.Addr{}, nil })
		assert.Equal(t, DNSTimeout, dnsClass(err))
		close(stuck)
	})
}
