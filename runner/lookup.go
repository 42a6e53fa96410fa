package runner

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// lookupName is what a lookup asks for about a target. Names end in .svc or
// .pod, for the source to add the cluster's domain; only a reverse one is whole.
func (q *pod) lookupName(l suites.Lookup) string {
	service := q.host(suites.ServiceName)
	switch l.Of {
	case suites.PortRecord:
		port := servicePort(tenancy.Port{Protocol: "tcp", Number: probes.PortTCP})
		return "_" + port.Name + "._tcp." + service
	case suites.HeadlessRecord:
		return q.host(suites.Headless)
	case suites.PodRecord:
		return strings.NewReplacer(".", "-", ":", "-").Replace(q.ip().String()) + "." + q.place.namespace + ".pod"
	case suites.ReverseRecord:
		return reverseName(q.cluster)
	case suites.MixedRecord:
		return mixedCase(service)
	case suites.WildcardRecord:
		return "*." + q.place.namespace + ".svc"
	default:
		return service
	}
}

// mixedCase makes every other letter of a name a capital one, but for the end by
// which the source knows what to add.
func mixedCase(name string) string {
	name = strings.TrimSuffix(name, ".svc")
	var mixed strings.Builder
	for i := range len(name) {
		letter := name[i : i+1]
		if i%2 == 0 {
			letter = strings.ToUpper(letter)
		}
		mixed.WriteString(letter)
	}
	return mixed.String() + ".svc"
}

// reverseName is the name under which the owner of an address is asked for
// (RFC 1035, 3.5, and RFC 3596, 2.5); empty for what is no address.
func reverseName(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	var labels []string
	if ip.Is4() {
		for _, b := range ip.As4() {
			labels = append([]string{fmt.Sprint(b)}, labels...)
		}
		return strings.Join(labels, ".") + ".in-addr.arpa."
	}
	for _, b := range ip.As16() {
		labels = append([]string{fmt.Sprintf("%x", b&15), fmt.Sprintf("%x", b>>4)}, labels...)
	}
	return strings.Join(labels, ".") + ".ip6.arpa."
}

// aimOutside gives a shot its host outside, or what to ask of whom. The name
// for a zone outside is fresh each time, since resolvers keep answers, and has
// nothing in it but chance.
func aimOutside(s *shot, c *cell) {
	l := c.attempt.Lookup
	s.order.Host, s.order.Type, s.order.Over = c.host, l.Type, l.Over
	switch l.Of {
	case suites.SweepRecord:
		c.sweep.aim(s, c.sweep.addresses[0])
	case suites.OutsideRecord:
		s.order.Host, s.order.Server, s.anyAnswer = "example.com.", c.host, true
	case suites.CanaryRecord:
		s.order.Host = "partywall-" + NewID() + NewID() + "." + c.host + "."
	}
}
