package outside

import (
	"bytes"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestAnswer(t *testing.T) {
	tests := []struct {
		name   string
		kind   uint16
		rcode  int
		answer string
	}{
		{"web.outside.example.", dns.TypeA, dns.RcodeSuccess, "60\tIN\tA\t203.0.113.10"},
		{"WEB.outside.EXAMPLE.", dns.TypeA, dns.RcodeSuccess, "60\tIN\tA\t203.0.113.10"},
		{"metadata.google.internal.", dns.TypeA, dns.RcodeSuccess, "60\tIN\tA\t169.254.169.254"},
		{"web.outside.example.", dns.TypeAAAA, dns.RcodeSuccess, ""},
		{"nobody.outside.example.", dns.TypeA, dns.RcodeNameError, ""},
		{"outside.example.", dns.TypeSOA, dns.RcodeSuccess, "60\tIN\tSOA\tdns.outside.example."},
		{"outside.example.", dns.TypeNS, dns.RcodeSuccess, "60\tIN\tNS\tdns.outside.example."},
		{"outside.example.", dns.TypeA, dns.RcodeSuccess, ""},
		{"a.b.canary.example.", dns.TypeA, dns.RcodeSuccess, "0\tIN\tA\t203.0.113.53"},
		{"A.b.Canary.example.", dns.TypeTXT, dns.RcodeSuccess, "0\tIN\tTXT\t\"question 7 of 10.244.1.5:9\""},
		{"a.b.canary.example.", dns.TypeAAAA, dns.RcodeSuccess, ""},
		{"notcanary.example.", dns.TypeA, dns.RcodeNameError, ""},
		{"partywall.dev.", dns.TypeA, dns.RcodeNameError, ""},
		{".", dns.TypeNS, dns.RcodeSuccess, "60\tIN\tNS\tdns.outside.example."},
	}
	for _, test := range tests {
		t.Run(test.name+" "+dns.TypeToString[test.kind], func(t *testing.T) {
			answers, authority, rcode := answer(dns.Question{Name: test.name, Qtype: test.kind}, 7, "10.244.1.5:9")
			if rcode != test.rcode {
				t.Errorf("code %s, want %s", dns.RcodeToString[rcode], dns.RcodeToString[test.rcode])
			}
			if test.answer == "" {
				if len(answers) != 0 || len(authority) != 1 {
					t.Errorf("%v, %v: want no answer, but an authority", answers, authority)
				}
				return
			}
			if len(answers) != 1 || !strings.Contains(answers[0].String(), test.answer) {
				t.Errorf("%v, want %s", answers, test.answer)
			}
		})
	}
}

// TestLongestName shows that whatever a name carries, its answer fits the
// smallest datagram.
func TestLongestName(t *testing.T) {
	name := strings.Repeat(strings.Repeat("x", 59)+".", 4) + Canary + "."
	if _, ok := dns.IsDomainName(name); !ok || len(name) < 250 {
		t.Fatalf("%d bytes are no long name", len(name))
	}
	m := new(dns.Msg).SetQuestion(name, dns.TypeTXT)
	m.SetEdns0(1232, false)
	packed, err := resolver{journal: newJournal()}.reply(m, Entry{From: "255.255.255.255:65535"}).Pack()
	if err != nil || len(packed) > dns.MinMsgSize {
		t.Errorf("%d bytes, %v", len(packed), err)
	}
}

func TestResolverOverTheWire(t *testing.T) {
	j := newJournal()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close(); listener.Close() })
	go func() { _ = resolver{journal: j}.serveDatagrams(packets) }()
	go func() { _ = resolver{journal: j}.serveStreams(witness{listener, j, kindDNS}) }()
	for protocol, address := range map[string]string{"udp": packets.LocalAddr().String(), "tcp": listener.Addr().String()} {
		since := j.page(0, all).Last
		reply, _, err := (&dns.Client{Net: protocol}).Exchange(new(dns.Msg).SetQuestion("x.canary.example.", dns.TypeA), address)
		if err != nil || len(reply.Answer) != 1 || !reply.Authoritative {
			t.Fatalf("%s: %v, %v", protocol, reply, err)
		}
		page := j.page(since, func(e Entry) bool { return e.Name != "" })
		if len(page.Entries) != 1 {
			t.Fatalf("%s: %+v", protocol, page)
		}
		e := page.Entries[0]
		if e.Name != "x.canary.example." || e.Type != "A" || e.Protocol != protocol || e.Host != address || e.From == "" || e.Time.IsZero() {
			t.Errorf("%s: %+v", protocol, e)
		}
	}
}

func TestDoH(t *testing.T) {
	good, err := new(dns.Msg).SetQuestion("web.outside.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	none, err := new(dns.Msg).Pack()
	if err != nil {
		t.Fatal(err)
	}
	get := func(message []byte) *http.Request {
		return httptest.NewRequest(http.MethodGet, "/dns-query?dns="+base64.RawURLEncoding.EncodeToString(message), nil)
	}
	post := func(message []byte) *http.Request {
		return httptest.NewRequest(http.MethodPost, "/dns-query", bytes.NewReader(message))
	}
	tests := []struct {
		name    string
		request *http.Request
		status  int
	}{
		{"GET", get(good), http.StatusOK},
		{"POST", post(good), http.StatusOK},
		{"no question", post(none), http.StatusBadRequest},
		{"no message", post([]byte("hello")), http.StatusBadRequest},
		{"no base64", httptest.NewRequest(http.MethodGet, "/dns-query?dns=%20", nil), http.StatusBadRequest},
		{"too long", post(make([]byte, dns.MaxMsgSize+1)), http.StatusBadRequest},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := newJournal()
			recorder := httptest.NewRecorder()
			dohHandler(resolver{journal: j}).ServeHTTP(recorder, test.request)
			asked := j.page(0, all).Entries
			if recorder.Code != test.status || (len(asked) == 1) != (test.status == http.StatusOK) {
				t.Fatalf("status %d, want %d; recorded %+v", recorder.Code, test.status, asked)
			}
			if test.status != http.StatusOK {
				return
			}
			var reply dns.Msg
			if err := reply.Unpack(recorder.Body.Bytes()); err != nil || len(reply.Answer) != 1 {
				t.Errorf("%v, %v", reply, err)
			}
		})
	}
}
