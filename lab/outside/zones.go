package outside

import (
	"fmt"
	"net"
	"strings"

	"github.com/miekg/dns"
)

// Canary is the zone of which every name exists. Who asks for one gives away
// that the question came through, whatever the name carries.
const Canary = "canary.example"

// Seen is the zone of which the witness is the name server, where one runs.
const Seen = "seen.example"

// zones are those that the resolver answers for. Beyond them there is nothing,
// which it says with the root's authority.
var zones = []string{"outside.example.", Canary + ".", "google.internal.", "."}

// ttl lets caches keep the hosts' addresses for a minute; a canary's answer is
// never to be kept, so that every question arrives.
const ttl = 60

// answer looks a question up. number and from are those of its entry in the
// journal: a canary's text tells them to the asker.
func answer(q dns.Question, number uint64, from string) (answers, authority []dns.RR, rcode int) {
	name := strings.ToLower(q.Name)
	zone := zoneOf(name)
	address, exists := addressOf(name)
	canary := zone == Canary+"."
	if canary {
		address, exists = Resolver, true
	}
	switch {
	case exists && q.Qtype == dns.TypeA:
		answers = []dns.RR{&dns.A{Hdr: header(q.Name, dns.TypeA, canary), A: net.ParseIP(address)}}
	case canary && q.Qtype == dns.TypeTXT:
		txt := []string{fmt.Sprintf("question %d of %s", number, from)}
		answers = []dns.RR{&dns.TXT{Hdr: header(q.Name, dns.TypeTXT, canary), Txt: txt}}
	case name == zone && q.Qtype == dns.TypeSOA:
		answers = []dns.RR{soa(zone)}
	case name == zone && q.Qtype == dns.TypeNS:
		answers = []dns.RR{&dns.NS{Hdr: header(zone, dns.TypeNS, canary), Ns: "dns.outside.example."}}
	default:
		authority = []dns.RR{soa(zone)}
		if !exists && name != zone {
			rcode = dns.RcodeNameError
		}
	}
	return answers, authority, rcode
}

func zoneOf(name string) string {
	for _, zone := range zones {
		if dns.IsSubDomain(zone, name) {
			return zone
		}
	}
	return "."
}

func addressOf(name string) (string, bool) {
	for _, host := range Hosts() {
		if name == dns.Fqdn(host.Name) {
			return host.Address, true
		}
	}
	return "", false
}

func header(name string, kind uint16, canary bool) dns.RR_Header {
	h := dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
	if canary {
		h.Ttl = 0
	}
	return h
}

func soa(zone string) dns.RR {
	h := header(zone, dns.TypeSOA, zone == Canary+".")
	return &dns.SOA{
		Hdr: h, Ns: "dns.outside.example.", Mbox: "nobody.outside.example.",
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: h.Ttl,
	}
}
