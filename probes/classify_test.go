package probes

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	header := func(kv ...string) map[string]string { return map[string]string{kv[0]: kv[1]} }
	alert := []byte{21, 3, 1, 0, 2, 2, 70}
	for _, tc := range []struct {
		name string
		seen Observation
		who  Authenticity
		want Outcome
	}{
		{"signed by the target", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 200, Bytes: []byte("x")}, Genuine, Reached},
		{"signed, though the read failed behind it", Observation{Do: DoTCP, Phase: PhaseRead, Errno: "ECONNRESET", Bytes: []byte("x")}, Genuine, Reached},
		{"signed by another target", Observation{Do: DoUDP, Phase: PhaseDone, Bytes: []byte("x")}, Foreign, Misrouted},
		{"greeted, and reset", Observation{Do: DoBanner, Phase: PhaseRead, Errno: "ECONNRESET", Banner: []byte("x")}, Greeted, Disclosed},
		{"greeted, and silence", Observation{Do: DoBanner, Phase: PhaseRead, Timeout: true, Banner: []byte("x")}, Greeted, Disclosed},
		{"greeted, and answered by somebody", Observation{Do: DoBanner, Phase: PhaseDone, Banner: []byte("x"), Bytes: []byte("y")}, Greeted, Disclosed},
		{"greeted by somebody", Observation{Do: DoBanner, Phase: PhaseRead, Timeout: true, Banner: []byte("x")}, Unsigned, Misrouted},
		{"unsigned bytes over TCP", Observation{Do: DoTCP, Phase: PhaseDone, Bytes: []byte("x")}, Unsigned, Misrouted},
		{"unsigned bytes over UDP", Observation{Do: DoUDP, Phase: PhaseDone, Bytes: []byte("x")}, Unsigned, Misrouted},
		{"HTTP spoken on a TCP port", Observation{Do: DoTCP, Phase: PhaseDone, Bytes: []byte("HTTP/1.1 400 Bad Request\r\n")}, Unsigned, Error},
		{"an alert in the handshake", Observation{Do: DoTLS, Phase: PhaseHandshake, Alert: "tls: handshake failure"}, Silent, TLSRejected},
		{"an alert behind the handshake", Observation{Do: DoTLS, Phase: PhaseRead, Alert: "tls: certificate required"}, Silent, TLSRejected},
		{"signed over TLS", Observation{Do: DoTLS, Phase: PhaseDone, Status: 200, Bytes: []byte("x")}, Genuine, Reached},
		{"a page over TLS", Observation{Do: DoTLS, Phase: PhaseDone, Status: 200, Bytes: []byte("x")}, Unsigned, Misrouted},
		{"no handshake in time", Observation{Do: DoTLS, Phase: PhaseHandshake, Timeout: true}, Silent, Dropped},
		{"a handshake that the source refused", Observation{Do: DoTLS, Phase: PhaseHandshake, Error: "local error"}, Silent, Error},
		{"a TLS alert", Observation{Do: DoTCP, Phase: PhaseRead, EOF: true, Bytes: alert}, Unsigned, TLSRejected},

		{"Envoy's policy", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403, Bytes: []byte("RBAC: access denied")}, Unsigned, Forbidden},
		{"Envoy's policy, of a HEAD", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403, Header: map[string]string{"server": "istio-envoy", "content-length": "19"}}, Unsigned, Forbidden},
		{"another's, of a HEAD", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403, Header: map[string]string{"server": "nginx", "content-length": "19"}}, Unsigned, Error},
		{"another denial, of a HEAD", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403, Header: map[string]string{"server": "envoy", "content-length": "20"}}, Unsigned, Error},
		{"a head of that length with a body", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403, Bytes: []byte("no"), Header: map[string]string{"server": "envoy", "content-length": "19"}}, Unsigned, Error},
		{"nearly Envoy's policy", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403, Bytes: []byte("RBAC: access denied\n")}, Unsigned, Error},
		{"a 403 of somebody", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403}, Unsigned, Error},
		{"Envoy's policy over gRPC", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 200, Header: header("grpc-status", "7")}, Unsigned, Forbidden},
		{"a token is asked for", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 401, Header: header("www-authenticate", "Bearer")}, Unsigned, Unauthenticated},
		{"a 401 of somebody", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 401}, Unsigned, Error},
		{"502", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 502}, Unsigned, Blackholed},
		{"503", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 503, Bytes: []byte("no healthy upstream")}, Unsigned, Blackholed},
		{"504", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 504}, Unsigned, Blackholed},
		{"a page of somebody", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 200, Bytes: []byte("hello")}, Unsigned, Misrouted},
		{"a page that was cut", Observation{Do: DoHTTP, Phase: PhaseRead, Status: 200, EOF: true, Bytes: []byte("hel")}, Unsigned, Error},
		{"a page that did not come in time", Observation{Do: DoH2C, Phase: PhaseRead, Status: 200, Timeout: true}, Silent, Error},
		{"sent elsewhere", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 302}, Unsigned, Misrouted},
		{"404", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 404}, Unsigned, Error},
		{"429", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 429}, Unsigned, Error},
		{"500", Observation{Do: DoHTTP, Phase: PhaseDone, Status: 500}, Unsigned, Error},
		{"an answer cut before its status", Observation{Do: DoHTTP, Phase: PhaseRead, EOF: true, Bytes: []byte("HTTP/1.1 2")}, Unsigned, Error},

		{"refused", Observation{Do: DoTCP, Phase: PhaseConnect, Errno: "ECONNREFUSED"}, Silent, Refused},
		{"refused by ICMP", Observation{Do: DoUDP, Phase: PhaseRead, Errno: "ECONNREFUSED"}, Silent, Refused},
		{"reset", Observation{Do: DoTCP, Phase: PhaseRead, Errno: "ECONNRESET"}, Silent, Reset},
		{"reset while writing", Observation{Do: DoTCP, Phase: PhaseWrite, Errno: "EPIPE"}, Silent, Reset},
		{"closed", Observation{Do: DoHTTP, Phase: PhaseRead, EOF: true}, Silent, Closed},
		{"no SYN-ACK", Observation{Do: DoTCP, Phase: PhaseConnect, Timeout: true}, Silent, Dropped},
		{"no answer", Observation{Do: DoUDP, Phase: PhaseRead, Timeout: true}, Silent, Dropped},
		{"the kernel gave up", Observation{Do: DoTCP, Phase: PhaseConnect, Errno: "ETIMEDOUT", Timeout: true}, Silent, Dropped},
		{"ICMP host unreachable", Observation{Do: DoTCP, Phase: PhaseConnect, Errno: "EHOSTUNREACH"}, Silent, Unreachable},
		{"no route", Observation{Do: DoTCP, Phase: PhaseConnect, Errno: "ENETUNREACH"}, Silent, Unreachable},
		{"prohibited", Observation{Do: DoTCP, Phase: PhaseConnect, Errno: "EACCES"}, Silent, Unreachable},
		{"a rule on the way out", Observation{Do: DoUDP, Phase: PhaseWrite, Errno: "EPERM"}, Silent, Unreachable},

		{"no such name", Observation{Do: DoHTTP, Phase: PhaseResolve, DNS: DNSNXDomain}, Silent, Unresolved},
		{"no such record", Observation{Do: DoHTTP, Phase: PhaseResolve, DNS: DNSNoData}, Silent, Unresolved},
		{"the resolver is silent", Observation{Do: DoHTTP, Phase: PhaseResolve, DNS: DNSTimeout, Timeout: true}, Silent, Error},
		{"the resolver is broken", Observation{Do: DoHTTP, Phase: PhaseResolve, DNS: DNSServFail}, Silent, Error},
		{"the resolver's port is closed", Observation{Do: DoHTTP, Phase: PhaseResolve, DNS: DNSError, Errno: "ECONNREFUSED"}, Silent, Error},

		{"no descriptors", Observation{Do: DoTCP, Phase: PhaseConnect, Errno: "EMFILE"}, Silent, Error},
		{"no buffers", Observation{Do: DoUDP, Phase: PhaseWrite, Errno: "ENOBUFS"}, Silent, Error},
		{"no local port", Observation{Do: DoTCP, Phase: PhaseConnect, Errno: "EADDRNOTAVAIL"}, Silent, Error},
		{"cancelled", Observation{Do: DoTCP, Phase: PhaseRead, Error: "cancelled before it ended"}, Silent, Error},
		{"never begun", Observation{Do: DoTCP, Error: "bad host"}, Silent, Error},
		{"a panic, even with a stale mark", Observation{Do: DoTCP, Timeout: true}, Silent, Error},
		{"nothing at all", Observation{}, Silent, Error},
		{"done without an answer", Observation{Do: DoUDP, Phase: PhaseDone}, Silent, Error},

		{"a real service's port stood", Observation{Do: DoConnect, Phase: PhaseDone}, Silent, Reached},
		{"a real service greeted", Observation{Do: DoConnect, Phase: PhaseDone, Bytes: []byte("S")}, Unsigned, Reached},
		{"a real service's port stood, and its words were not kept", Observation{Do: DoFirst, Phase: PhaseDone}, Silent, Reached},
		{"a real service greeted, and nobody kept it", Observation{Do: DoFirst, Phase: PhaseDone, First: 16}, Silent, Reached},
		{"a sidecar closed before the first byte", Observation{Do: DoFirst, Phase: PhaseRead, EOF: true}, Silent, Closed},
		{"a sidecar closed at once", Observation{Do: DoConnect, Phase: PhaseRead, EOF: true}, Silent, Closed},
		{"a real service's port is closed", Observation{Do: DoConnect, Phase: PhaseConnect, Errno: "ECONNREFUSED"}, Silent, Refused},
		{"a real service's 200", Observation{Do: DoHead, Phase: PhaseDone, Status: 200}, Unsigned, Reached},
		{"a real service's 404", Observation{Do: DoHead, Phase: PhaseDone, Status: 404}, Unsigned, Reached},
		{"a real service's 500", Observation{Do: DoHead, Phase: PhaseDone, Status: 500}, Unsigned, Reached},
		{"no way to a real service", Observation{Do: DoHead, Phase: PhaseDone, Status: 502}, Unsigned, Blackholed},
		{"a policy before a real service", Observation{Do: DoHead, Phase: PhaseDone, Status: 403, Header: header("server", "envoy")}, Unsigned, Forbidden},
		{"a real service's own 403", Observation{Do: DoHead, Phase: PhaseDone, Status: 403, Header: header("server", "nginx")}, Unsigned, Error},
		{"a real service asks who", Observation{Do: DoHead, Phase: PhaseDone, Status: 401, Header: header("www-authenticate", "Basic")}, Unsigned, Unauthenticated},
		{"a 401 that does not ask", Observation{Do: DoHead, Phase: PhaseDone, Status: 401}, Unsigned, Error},

		{"the nonce came back", Observation{Do: DoICMP, Phase: PhaseDone, Bytes: []byte("n")}, Echoed, Reached},
		{"no echo", Observation{Do: DoICMP, Phase: PhaseRead, Timeout: true}, Silent, Dropped},
		{"no way to the host", Observation{Do: DoICMP, Phase: PhaseRead, Errno: "EHOSTUNREACH"}, Silent, Unreachable},
		{"the kernel allows no echo", Observation{Do: DoICMP, Errno: "EACCES", Error: "x"}, Silent, Error},
		{"a name that is there", Observation{Do: DoDNS, Phase: PhaseDone, RCode: "NOERROR", Answers: []string{"10.0.0.1"}}, Silent, Reached},
		{"a name without such data", Observation{Do: DoDNS, Phase: PhaseDone, RCode: "NOERROR"}, Silent, Unresolved},
		{"a name that is not there", Observation{Do: DoDNS, Phase: PhaseDone, RCode: "NXDOMAIN"}, Silent, Unresolved},
		{"a server that refuses", Observation{Do: DoDNS, Phase: PhaseDone, RCode: "REFUSED"}, Silent, Refused},
		{"a server that failed", Observation{Do: DoDNS, Phase: PhaseDone, RCode: "SERVFAIL"}, Silent, Error},
		{"a code without a name", Observation{Do: DoDNS, Phase: PhaseDone, RCode: "RCODE9"}, Silent, Error},
		{"part of the data, and no TCP", Observation{Do: DoDNS, Phase: PhaseConnect, Timeout: true, RCode: "NOERROR", Answers: []string{"a"}, Truncated: true}, Silent, Reached},
		{"none of the data, and no TCP", Observation{Do: DoDNS, Phase: PhaseConnect, Timeout: true, RCode: "NOERROR", Truncated: true}, Silent, Error},
		{"a silent DNS server", Observation{Do: DoDNS, Phase: PhaseRead, Timeout: true}, Silent, Dropped},
		{"a DNS server's port is closed", Observation{Do: DoDNS, Phase: PhaseRead, Errno: "ECONNREFUSED"}, Silent, Refused},
		{"an answer to another question", Observation{Do: DoDNS, Phase: PhaseRead, Error: "x"}, Silent, Error},

		{"gRPC in front of a real service", Observation{Do: DoHead, Phase: PhaseDone, Status: 200, Header: header("grpc-status", "7")}, Unsigned, Forbidden},
	} {
		assert.Equal(t, tc.want, Classify(tc.seen, tc.who), tc.name)
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	own, other, stranger := NewKey(), NewKey(), NewKey()
	q := Question{Proto: "tcp", Port: 9007, Nonce: NewNonce()}
	signed := func(k Key) []byte { return k.answer(q.Proto, q.Port, q.Nonce, newBoot(), 1) }
	for _, tc := range []struct {
		name string
		seen Observation
		want Authenticity
	}{
		{"the target's", Observation{Bytes: signed(own)}, Genuine},
		{"another target's", Observation{Bytes: signed(other)}, Foreign},
		{"another run's", Observation{Bytes: signed(stranger)}, Unsigned},
		{"the target's on another port", Observation{Bytes: own.answer("tcp", 5432, q.Nonce, newBoot(), 1)}, Unsigned},
		{"an older one, shown again", Observation{Nonce: "old", Bytes: own.answer("tcp", 9007, "old", newBoot(), 1)}, Unsigned},
		{"a status without a body", Observation{Status: 503}, Unsigned},
		{"the target's banner", Observation{Banner: own.banner(9007, newBoot(), 1)}, Greeted},
		{"the target's banner, and its answer", Observation{Banner: own.banner(9007, newBoot(), 1), Bytes: signed(own)}, Genuine},
		{"the target's banner, and another's answer", Observation{Banner: own.banner(9007, newBoot(), 1), Bytes: signed(other)}, Greeted},
		{"another target's banner", Observation{Banner: other.banner(9007, newBoot(), 1)}, Foreign},
		{"another run's banner", Observation{Banner: stranger.banner(9007, newBoot(), 1)}, Unsigned},
		{"the target's banner on another port", Observation{Banner: own.banner(9013, newBoot(), 1)}, Unsigned},
		{"a banner where an answer belongs", Observation{Bytes: own.banner(9007, newBoot(), 1)}, Unsigned},
		{"an echo of a question over TCP", Observation{Bytes: []byte(q.Nonce)}, Unsigned},
		{"nothing", Observation{}, Silent},
	} {
		assert.Equal(t, tc.want, Authenticate(tc.seen, q, own, []Key{stranger[:5], other}), tc.name)
	}
	echo := Order{Do: DoICMP, Nonce: "n"}.Question()
	assert.Equal(t, Echoed, Authenticate(Observation{Bytes: []byte("n")}, echo, own, nil))
	assert.Equal(t, Unsigned, Authenticate(Observation{Bytes: []byte("m")}, echo, own, nil))
	assert.Equal(t, Silent, Authenticate(Observation{}, Order{Do: DoICMP}.Question(), own, nil), "no nonce is no echo")
	assert.Equal(t, Question{"tcp", 9007, "n"}, Order{Do: DoTCP, Port: 9007, Nonce: "n"}.Question())
	assert.Equal(t, Question{"udp", 9053, "n"}, Order{Do: DoListener, Proto: "udp", Port: 9053, Nonce: "n"}.Question())
}

// What the source's own proxy answers is told from what came from beyond it.
func TestAnswersThroughTheSourcesOwnProxy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		beyond bool
		want   Outcome
	}{
		{200, true, Reached}, {200, false, Reached}, {301, false, Reached}, {404, true, Reached}, {500, true, Reached},
		{502, false, Blackholed}, {503, false, Blackholed}, {404, false, Error}, {403, false, Error}, {401, false, Error},
		{403, true, Error}, {401, true, Error}, {502, true, Error}, {503, true, Error},
	} {
		o := Observation{Do: DoHead, Phase: PhaseDone, Status: tc.status, Header: map[string]string{"server": "envoy", "www-authenticate": "x"}}
		if tc.beyond {
			o.Header["x-envoy-upstream-service-time"] = "7"
		}
		assert.Equal(t, tc.want, ClassifyBehindProxy(o, Unsigned), "%+v", tc)
	}
	forbidden := Observation{Do: DoHTTP, Phase: PhaseDone, Status: 403, Bytes: []byte(rbacBody)}
	assert.Equal(t, Forbidden, ClassifyBehindProxy(forbidden, Unsigned), "of our targets a policy's own words tell")
}
