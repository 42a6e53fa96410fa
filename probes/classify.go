package probes

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Question is what an answer has to be the answer to. It is the runner's own
// knowledge: a source could show an old answer, or that of another port.
type Question struct {
	Proto string // http, h2c, tls, tcp, udp, banner, sctp or icmp
	Port  int    // the target's own, whatever number a Service shows
	Nonce string
}

// Question of an order whose port is the target's own.
func (o Order) Question() Question {
	q := Question{Proto: string(o.Do), Port: o.Port, Nonce: o.Nonce}
	if o.Do == DoListener {
		q.Proto = o.Proto
	}
	return q
}

// Authenticate says whose answer an observation holds: own is the key of the
// target that was asked, others those of every other target of the run.
func Authenticate(o Observation, q Question, own Key, others []Key) Authenticity {
	if own.Verify(q.Proto, q.Port, q.Nonce, o.Bytes) || own.verifyAnswers(q, o.Answers) {
		return Genuine
	}
	if q.Proto == string(DoICMP) && q.Nonce != "" && string(o.Bytes) == q.Nonce {
		return Echoed
	}
	if own.VerifyBanner(q.Port, o.Banner) {
		return Greeted
	}
	// A stranger may answer on another port than the one that was asked for;
	// then it signed nothing that is known here, and is Unsigned.
	for _, k := range others {
		if k.Verify(q.Proto, q.Port, q.Nonce, o.Bytes) || k.VerifyBanner(q.Port, o.Banner) {
			return Foreign
		}
	}
	if len(o.Bytes) > 0 || len(o.Banner) > 0 || o.Status != 0 {
		return Unsigned
	}
	return Silent
}

// verifyAnswers looks for the signed line in what a name server said.
func (k Key) verifyAnswers(q Question, answers []string) bool {
	return q.Proto == string(DoDNS) && slices.ContainsFunc(answers, func(line string) bool {
		return k.Verify(q.Proto, q.Port, q.Nonce, []byte(line+"\n"))
	})
}

// Classify names the outcome of an attempt. It is the only place where that is
// decided. What it cannot name is [Error], which is never a denial.
//
// One outcome is not its business: [Received] needs the target's receipts,
// which the judge holds.
func Classify(o Observation, a Authenticity) Outcome {
	switch {
	case o.Do.Inward():
		return classifyInward(o)
	case a == Genuine, a == Echoed:
		return Reached
	case a == Foreign:
		return Misrouted
	case a == Greeted:
		return Disclosed
	case (o.Do == DoConnect || o.Do == DoFirst || o.Do == DoHello) && o.Phase == PhaseDone:
		return Reached
	case o.Do == DoHead && o.Status != 0:
		return classifyHead(o)
	case o.RCode != "":
		return classifyLookup(o)
	case o.Status != 0:
		return classifyStatus(o)
	case o.Alert != "":
		return TLSRejected
	case len(o.Banner) > 0:
		return classifyBytes(o.Banner)
	case len(o.Bytes) > 0:
		return classifyBytes(o.Bytes)
	}
	return classifyFailure(o)
}

// rbacBody is how Envoy says that an authorization policy denied a request.
const rbacBody = "RBAC: access denied"

// classifyStatus is for answers to a request for one of our targets that none
// of them signed. Only a policy's own signature makes a denial. A 404, a 429,
// a 500, a bare 403, or a page that was cut names neither a policy nor a target:
// no evidence.
func classifyStatus(o Observation) Outcome {
	switch {
	case o.Status == http.StatusForbidden && (string(o.Bytes) == rbacBody || isRBACHead(o)), o.Header["grpc-status"] == "7":
		return Forbidden
	case o.Status == http.StatusUnauthorized && o.Header["www-authenticate"] != "":
		return Unauthenticated
	case isGatewayFailure(o.Status):
		return Blackholed
	case o.Status >= 200 && o.Status < 400 && o.Phase == PhaseDone:
		return Misrouted // cut, it could have been the target's
	}
	return Error
}

// isRBACHead knows the same denial of a HEAD, which tells the length of those words.
func isRBACHead(o Observation) bool {
	return len(o.Bytes) == 0 && isEnvoy(o.Header["server"]) && o.Header[lengthHeader] == strconv.Itoa(len(rbacBody))
}

// isEnvoy knows the names that it gives itself.
func isEnvoy(server string) bool { return server == "envoy" || server == "istio-envoy" }

// classifyHead is for services that are not ours: any answer of their own
// means that they were reached. A 403 may be the service's or a policy's, and
// HEAD has no body to tell by: it is a denial only where Envoy signs it.
func classifyHead(o Observation) Outcome {
	switch {
	case isMetadataService(o.Header["server"]):
		return Reached // it refuses what has no token or header of its cloud's, and is there all the same
	case isGatewayFailure(o.Status):
		return Blackholed
	case o.Header["grpc-status"] == "7":
		return Forbidden
	case o.Status == http.StatusForbidden:
		if isEnvoy(o.Header["server"]) {
			return Forbidden
		}
		return Error
	case o.Status == http.StatusUnauthorized:
		if o.Header["www-authenticate"] != "" {
			return Unauthenticated
		}
		return Error
	}
	return Reached
}

// ClassifyBehindProxy is Classify for a source whose own mesh proxy sends its
// requests on: what Envoy answers for itself is the source's, and what came from
// beyond has a header that says how long that took. An error or a denial from
// beyond may be a gateway's as well as that of who was asked.
func ClassifyBehindProxy(o Observation, a Authenticity) Outcome {
	if o.Do != DoHead || o.Status == 0 {
		return Classify(o, a)
	}
	beyond := o.Header["x-envoy-upstream-service-time"] != ""
	switch {
	case o.Status < 400:
		return Reached
	case !beyond && (o.Status == http.StatusBadGateway || o.Status == http.StatusServiceUnavailable):
		return Blackholed
	case !beyond, o.Status == http.StatusUnauthorized, o.Status == http.StatusForbidden, isGatewayFailure(o.Status):
		return Error
	}
	return Reached
}

// isMetadataService knows the names that the metadata services of Amazon and
// Google give themselves.
func isMetadataService(server string) bool {
	return server == "EC2ws" || strings.HasPrefix(server, "Metadata Server")
}

// classifyInward is for what the source's own pod said of others. That it could not
// be asked is no denial of anything.
func classifyInward(o Observation) Outcome {
	switch {
	case o.Phase != PhaseDone:
		return Error
	case len(o.Answers) > 0:
		return Reached
	}
	return Unresolved
}

// classifyLookup is for what a DNS server said. That a name is not there is the
// same denial whether the server says so or has nothing of the asked type.
func classifyLookup(o Observation) Outcome {
	switch {
	case o.RCode == rcodeNoError && len(o.Answers) > 0:
		return Reached
	case o.Truncated:
		return Error // the server had more to say than was heard
	case o.RCode == rcodeNoError, o.RCode == rcodeNXDomain:
		return Unresolved
	case o.RCode == rcodeRefused:
		return Refused
	}
	return Error
}

func isGatewayFailure(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// classifyBytes is for bytes that no target signed.
func classifyBytes(b []byte) Outcome {
	switch {
	case isTLSAlert(b):
		return TLSRejected
	case bytes.HasPrefix(b, []byte("HTTP/1.")):
		// A proxy that took another protocol for HTTP, or an HTTP answer
		// that was cut before its status: it names nobody.
		return Error
	}
	return Misrouted
}

// isTLSAlert knows the one record by which a TLS server refuses what is not TLS,
// or a handshake.
func isTLSAlert(b []byte) bool {
	return len(b) == 7 && b[0] == 21 && b[1] == 3 && b[3] == 0 && b[4] == 2
}

// failures are the system's errors that say something about the way to the
// target. Every other (no descriptors, no local address) is the source's own.
var failures = map[string]Outcome{
	"ECONNREFUSED": Refused,
	"ECONNRESET":   Reset,
	"EPIPE":        Reset,
	"ETIMEDOUT":    Dropped,
	"EHOSTUNREACH": Unreachable,
	"ENETUNREACH":  Unreachable,
	"EHOSTDOWN":    Unreachable,
	"EACCES":       Unreachable, // ICMPv6: administratively prohibited
	"EPERM":        Unreachable, // a rule on the way out
	"EPROTO":       Unreachable,
	"ENOPROTOOPT":  Unreachable, // ICMP: protocol unreachable
}

func classifyFailure(o Observation) Outcome {
	switch o.Phase {
	case PhaseResolve:
		// A resolver that does not answer says nothing about the target.
		if o.DNS == DNSNXDomain || o.DNS == DNSNoData {
			return Unresolved
		}
		return Error
	case PhaseConnect, PhaseHandshake, PhaseBanner, PhaseWrite, PhaseRead:
	default:
		return Error // not begun, or done without an answer
	}
	if o.Errno != "" {
		if out, ok := failures[o.Errno]; ok {
			return out
		}
		return Error
	}
	switch {
	case o.Timeout:
		return Dropped
	case o.EOF:
		return Closed
	}
	return Error
}
