package probes

import (
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The numbers of the protocols in IP.
const (
	protoICMP   = 1
	protoICMPv6 = 58
)

// echoRequest brings the nonce along. Its identifier and its checksum are the
// kernel's to fill in.
func echoRequest(to netip.Addr, nonce string) ([]byte, error) {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{Seq: 1, Data: []byte(nonce)}}
	if to.Is6() {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	return m.Marshal(nil)
}

// readEcho takes the reply that brings this very nonce back, and no other.
func readEcho(from netip.Addr, nonce string, msg []byte) error {
	proto := protoICMP
	if from.Is6() {
		proto = protoICMPv6
	}
	m, err := icmp.ParseMessage(proto, msg)
	if err != nil || m.Type != ipv4.ICMPTypeEchoReply && m.Type != ipv6.ICMPTypeEchoReply {
		return errOtherAnswer
	}
	if echo, ok := m.Body.(*icmp.Echo); !ok || string(echo.Data) != nonce {
		return errOtherAnswer
	}
	return nil
}
