//go:build linux

package probes

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// answering is a DNS server: each transport sends what its function makes of a
// query, message by message. A function that is nil says nothing.
type answering struct {
	udp, tcp func(query dnsmessage.Message) [][]byte
}

func (s answering) start(t *testing.T) string {
	t.Helper()
	var port int
	var u *net.UDPConn
	var err error
	for range 20 { // a port that is free by TCP may be another test's by UDP
		port = far(t, func(c *net.TCPConn) {
			if query, err := readFramed(c); err == nil && s.tcp != nil {
				for _, m := range s.tcp(unpacked(query)) {
					c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
				}
			}
		})
		if u, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err == nil {
			break
		}
	}
	require.NoError(t, err)
	t.Cleanup(func() { u.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			if s.udp == nil {
				continue
			}
			for _, m := range s.udp(unpacked(buf[:n])) {
				u.WriteTo(m, from)
			}
		}
	}()
	return hostPort("127.0.0.1", port)
}

func unpacked(query []byte) (m dnsmessage.Message) {
	if err := m.Unpack(query); err != nil {
		panic(err)
	}
	return m
}

// answer makes a server's answer out of the query.
func answer(q dnsmessage.Message, code dnsmessage.RCode, data ...dnsmessage.ResourceBody) dnsmessage.Message {
	q.Response, q.RCode = true, code
	for _, d := range data {
		name := q.Questions[0].Name
		q.Answers = append(q.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: d})
	}
	return q
}

func packed(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// always is a server's one answer to whatever is asked.
func always(code dnsmessage.RCode, data ...dnsmessage.ResourceBody) func(dnsmessage.Message) [][]byte {
	return func(q dnsmessage.Message) [][]byte { return [][]byte{packed(answer(q, code, data...))} }
}

// instead spoils a good answer.
func instead(spoil func(*dnsmessage.Message)) func(dnsmessage.Message) [][]byte {
	return func(q dnsmessage.Message) [][]byte {
		m := answer(q, dnsmessage.RCodeSuccess, &dnsmessage.AResource{A: [4]byte{10, 0, 0, 66}})
		m.Questions = append([]dnsmessage.Question(nil), m.Questions...)
		spoil(&m)
		return [][]byte{packed(m)}
	}
}

func askName(server, kind, over string, deadline Duration) Observation {
	return NewSource(nil).Attempt(context.Background(), Order{
		Do: DoDNS, Host: "web.acme.svc.cluster.local", Type: kind, Server: server, Over: over, Nonce: "n", Deadline: deadline,
	})
}

func TestLookupReadsEachType(t *testing.T) {
	t.Parallel()
	name := dnsmessage.MustNewName("db.acme.svc.cluster.local.")
	for _, tc := range []struct {
		kind string
		data []dnsmessage.ResourceBody
		want []string
	}{
		{"A", []dnsmessage.ResourceBody{&dnsmessage.AResource{A: [4]byte{10, 0, 0, 9}}, &dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}}}, []string{"10.0.0.1", "10.0.0.9"}},
		{"A", []dnsmessage.ResourceBody{&dnsmessage.CNAMEResource{CNAME: name}, &dnsmessage.AResource{A: [4]byte{10, 0, 0, 9}}}, []string{"10.0.0.9"}},
		{"AAAA", []dnsmessage.ResourceBody{&dnsmessage.AAAAResource{AAAA: [16]byte{0xfd, 15: 1}}}, []string{"fd00::1"}},
		{"SRV", []dnsmessage.ResourceBody{&dnsmessage.SRVResource{Target: name, Port: 5432}}, []string{"db.acme.svc.cluster.local.:5432"}},
		{"PTR", []dnsmessage.ResourceBody{&dnsmessage.PTRResource{PTR: name}}, []string{"db.acme.svc.cluster.local."}},
		{"TXT", []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{"a", "b\xff"}}}, []string{"ab?"}},
		{"TXT", []dnsmessage.ResourceBody{&dnsmessage.TXTResource{TXT: []string{strings.Repeat("x", 200), strings.Repeat("y", 200)}}}, []string{strings.Repeat("x", 200) + strings.Repeat("y", 55)}},
	} {
		for _, over := range []string{"", "udp", "tcp"} {
			t.Run(tc.kind+over, func(t *testing.T) {
				t.Parallel()
				say := always(dnsmessage.RCodeSuccess, tc.data...)
				server := answering{udp: say, tcp: say}.start(t)
				seen := askName(server, tc.kind, over, Duration(patience))
				assert.Equal(t, tc.want, seen.Answers, "%+v", seen)
				assert.Equal(t, "NOERROR", seen.RCode)
				assert.Equal(t, server, seen.Remote)
				assert.NotEmpty(t, seen.Local)
				assert.Equal(t, PhaseDone, seen.Phase)
				assert.Equal(t, Reached, outcomeOf(seen))
			})
		}
	}
}

func TestLookupOutcomes(t *testing.T) {
	t.Parallel()
	good := always(dnsmessage.RCodeSuccess, &dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}})
	cut := instead(func(m *dnsmessage.Message) { m.Truncated, m.Answers = true, nil })
	for _, tc := range []struct {
		name   string
		server answering
		over   string
		rcode  string
		want   Outcome
	}{
		{"no such name", answering{udp: always(dnsmessage.RCodeNameError)}, "", "NXDOMAIN", Unresolved},
		{"no such data", answering{udp: always(dnsmessage.RCodeSuccess)}, "", "NOERROR", Unresolved},
		{"refused", answering{udp: always(dnsmessage.RCodeRefused)}, "", "REFUSED", Refused},
		{"failed", answering{udp: always(dnsmessage.RCodeServerFailure)}, "", "SERVFAIL", Error},
		{"a code of its own", answering{udp: always(9)}, "", "RCODE9", Error},
		{"not understood, and not repeated", answering{udp: instead(func(m *dnsmessage.Message) {
			m.RCode, m.Questions, m.Answers = dnsmessage.RCodeFormatError, nil, nil
		})}, "", "FORMERR", Error},
		{"silence", answering{}, "", "", Dropped},
		{"another number", answering{udp: instead(func(m *dnsmessage.Message) { m.ID++ })}, "", "", Error},
		{"another name", answering{udp: instead(func(m *dnsmessage.Message) {
			m.Questions[0].Name = dnsmessage.MustNewName("other.")
		})}, "", "", Error},
		{"another type", answering{udp: instead(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAAAA })}, "", "", Error},
		{"no question", answering{udp: instead(func(m *dnsmessage.Message) { m.Questions = nil })}, "", "", Error},
		{"a question", answering{udp: instead(func(m *dnsmessage.Message) { m.Response = false })}, "", "", Error},
		{"garbage", answering{udp: func(dnsmessage.Message) [][]byte { return [][]byte{[]byte("hello")} }}, "", "", Error},
		{"forged ones first", answering{udp: func(q dnsmessage.Message) [][]byte {
			forged := instead(func(m *dnsmessage.Message) { m.ID++ })(q)
			return append(append(forged, []byte("hello"), nil), good(q)...)
		}}, "", "NOERROR", Reached},
		{"the name in capitals", answering{udp: instead(func(m *dnsmessage.Message) {
			m.Questions[0].Name = dnsmessage.MustNewName(strings.ToUpper(m.Questions[0].Name.String()))
		})}, "", "NOERROR", Reached},

		{"cut, and whole over TCP", answering{udp: cut, tcp: good}, "", "NOERROR", Reached},
		{"cut, and gone over TCP", answering{udp: cut, tcp: always(dnsmessage.RCodeNameError)}, "", "NXDOMAIN", Unresolved},
		{"cut, and closed over TCP", answering{udp: cut}, "", "NOERROR", Error},
		{"cut behind the first", answering{udp: instead(func(m *dnsmessage.Message) { m.Truncated = true })}, "", "NOERROR", Reached},

		{"TCP: closed", answering{}, "tcp", "", Closed},
		{"TCP: another number", answering{tcp: instead(func(m *dnsmessage.Message) { m.ID++ })}, "tcp", "", Error},
		{"TCP: nothing in it", answering{tcp: func(dnsmessage.Message) [][]byte { return [][]byte{nil} }}, "tcp", "", Error},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			deadline := Duration(patience)
			if tc.rcode == "" && tc.over != "tcp" {
				deadline = short
			}
			seen := askName(tc.server.start(t), "A", tc.over, deadline)
			assert.Equal(t, tc.rcode, seen.RCode, "%+v", seen)
			assert.Equal(t, tc.want, outcomeOf(seen), "%+v", seen)
		})
	}
}

func TestLookupOfNobody(t *testing.T) {
	t.Parallel()
	addr := func(port int) string { return hostPort("127.0.0.1", port) }
	for _, tc := range []struct {
		name, server, over string
		deadline           Duration
		want               Outcome
	}{
		{"ICMP", addr(closedPort(t, "udp")), "udp", Duration(patience), Refused},
		{"RST", addr(closedPort(t, "tcp")), "tcp", Duration(patience), Refused},
		{"no SYN-ACK", addr(blackhole(t)), "tcp", short, Dropped},
		{"reset later", addr(far(t, resets)), "tcp", Duration(patience), Reset},
		{"half a length", addr(far(t, says("\x00"))), "tcp", Duration(patience), Error},
		{"half a message", addr(far(t, says("\x00\x09abc"))), "tcp", Duration(patience), Error},
	} {
		seen := askName(tc.server, "A", tc.over, tc.deadline)
		assert.Equal(t, tc.want, outcomeOf(seen), "%s: %+v", tc.name, seen)
		assert.Equal(t, tc.server, seen.Remote)
	}
}

func TestLookupAsksThePodsNameserver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf := func(text string) *Source {
		path := filepath.Join(dir, "resolv.conf")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return &Source{resolvConf: path}
	}
	for text, want := range map[string]string{
		"nameserver 10.96.0.10\nnameserver 10.96.0.11\n": "10.96.0.10:53",
		"search a\nnameserver fd00::a\n":                 "[fd00::a]:53",
	} {
		server, err := conf(text).server(Order{})
		assert.NoError(t, err)
		assert.Equal(t, want, server.String())
	}
	_, err := conf("search a\n").server(Order{})
	assert.EqualError(t, err, "this pod's resolv.conf names no nameserver")
	server, err := conf("").server(Order{Server: "[::ffff:10.0.0.1]:5353"})
	assert.NoError(t, err)
	assert.Equal(t, "10.0.0.1:5353", server.String())
}

// A name with the search path behind it is whole before that.
func TestLookupNameWithItsSearchPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(path, []byte("search web.svc.cluster.local svc.cluster.local\n"), 0o600))
	for search, want := range map[bool]string{false: "a.b.svc.cluster.local.", true: "a.b.svc.cluster.local.web.svc.cluster.local."} {
		a := &attempt{source: &Source{resolvConf: path}, order: Order{Host: "a.b.svc", Search: search}}
		name, err := a.lookupName()
		require.NoError(t, err)
		assert.Equal(t, want, name)
	}
	_, err := (&attempt{source: &Source{resolvConf: path + "x"}, order: Order{Host: "a.b.svc", Search: true}}).lookupName()
	assert.EqualError(t, err, "this pod's resolv.conf has no search list")
	require.NoError(t, checkOrder(Order{Do: DoDNS, Host: "*.web.svc", Type: "A"}))
	require.Error(t, checkOrder(Order{Do: DoConnect, Host: "*.web.svc", Port: 1}), "a star is nobody to connect to")
}

func TestLookupKeepsTheSameFewWhateverTheirOrder(t *testing.T) {
	t.Parallel()
	var data []string
	for i := range 100 {
		data = append(data, fmt.Sprintf("%03d", 99-i))
	}
	kept := bounded(data)
	assert.Len(t, kept, maxAnswers)
	assert.Equal(t, "000", kept[0])
}

// FuzzLookupRead holds that no message panics or makes more than is kept.
func FuzzLookupRead(f *testing.F) {
	l, err := newLookup("a.b", "TXT")
	require.NoError(f, err)
	q, err := l.query()
	require.NoError(f, err)
	good := answer(unpacked(q), dnsmessage.RCodeSuccess, &dnsmessage.TXTResource{TXT: []string{"x", "\xff"}})
	for _, m := range [][]byte{q, packed(good), packed(good)[:40], {}, []byte("hello")} {
		f.Add(m[min(2, len(m)):])
	}
	f.Fuzz(func(t *testing.T, rest []byte) {
		for kind := range lookupTypes {
			l.question.Type = lookupTypes[kind]
			got, err := l.read(append(binary.BigEndian.AppendUint16(nil, l.id), rest...))
			if err != nil {
				require.Equal(t, finding{}, got)
				continue
			}
			require.NotEmpty(t, got.rcode)
			require.LessOrEqual(t, len(got.data), maxAnswers)
			for _, d := range got.data {
				require.LessOrEqual(t, len(d), maxData)
				require.True(t, utf8.ValidString(d))
			}
		}
	})
}

// FuzzParseResolvConf holds that what is read are words of the text.
func FuzzParseResolvConf(f *testing.F) {
	f.Add("nameserver 10.0.0.1\nsearch a b\noptions ndots:5\n")
	f.Add("nameserver")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseResolvConf(text)
		for _, w := range append(c.nameservers, c.search...) {
			require.NotEmpty(t, w)
			require.Contains(t, text, w)
		}
	})
}

// A question over HTTPS is answered like any other; what is no answer of DNS is
// no evidence, and what refuses the connection is a denial.
func TestDNSOverHTTPS(t *testing.T) {
	answer := func(rw http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		m := unpacked(query)
		m.Response = true
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}},
		}}
		packed, _ := m.Pack()
		rw.Write(packed)
	}
	for name, tc := range map[string]struct {
		serve http.HandlerFunc
		want  Outcome
	}{
		"answered": {func(rw http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "POST /dns-query application/dns-message", r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type"))
			answer(rw, r)
		}, Reached},
		"a page":           {func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "please log in") }, Error},
		"refused by HTTP":  {func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) }, Error},
		"broken in answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Closed},
	} {
		server := httptest.NewUnstartedServer(tc.serve)
		server.Config.ErrorLog = silent
		server.StartTLS()
		order := Order{Do: DoDNS, Host: "www.example.com.", Type: "A", Over: OverHTTPS, Server: server.Listener.Addr().String(), Deadline: Duration(3 * time.Second)}
		seen := NewSource(nil).Attempt(t.Context(), order)
		assert.Equal(t, tc.want, Classify(seen, Silent), "%s: %+v", name, seen)
		server.Close()
		seen = NewSource(nil).Attempt(t.Context(), order)
		assert.Equal(t, Refused, Classify(seen, Silent), "%s, then gone: %+v", name, seen)
	}
	require.Error(t, checkOrder(Order{Do: DoDNS, Host: "x.", Type: "A", Over: OverHTTPS}), "a pod's own resolver has no such port")
}
