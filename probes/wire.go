package probes

import (
	"net/netip"
	"slices"
	"time"
)

// Ports on which every target listens. Health checks have one of their own,
// so that they never look like an arrival.
const (
	PortHTTP   = 8080
	PortH2C    = 8082
	PortTLS    = 8443
	PortTCP    = 9007
	PortBanner = 9013
	PortUDP    = 9053
	PortSCTP   = 9132 // of SCTP's own, which have nothing to do with those of TCP
	PortHealth = 9100
)

// Do names what an order asks of a probe.
type Do string

// The kinds of order. All but the last three are attempts.
const (
	DoHTTP     Do = "http"     // HTTP/1.1 GET
	DoH2C      Do = "h2c"      // the same by HTTP/2 without TLS, as gRPC is spoken behind a mesh's proxy
	DoTLS      Do = "tls"      // the same over TLS; no certificate is verified, since the answer is signed
	DoTCP      Do = "tcp"      // connect, send a line, expect the signed answer
	DoUDP      Do = "udp"      // send a datagram (again while the deadline lasts), expect the signed answer
	DoBanner   Do = "banner"   // connect, await the signed banner, then as over TCP
	DoSCTP     Do = "sctp"     // as over TCP, where the kernel has SCTP
	DoConnect  Do = "connect"  // TCP connect to a service that is not ours; at most one byte is awaited, none is sent
	DoFirst    Do = "first"    // as connect, and of what comes only the number of bytes is kept
	DoHello    Do = "hello"    // begin TLS with a service that is not ours; any byte that comes back is its answer
	DoHead     Do = "head"     // HTTP HEAD / to a service that is not ours
	DoDNS      Do = "dns"      // ask a DNS server, which is not ours: nothing is signed, and there are no receipts
	DoICMP     Do = "icmp"     // echo request; the kernel answers it, so nothing is signed, and there are no receipts
	DoKnown    Do = "known"    // ask the pod's own proxy what it knows of a namespace
	DoIdentity Do = "identity" // ask the pod's own target through its proxies, and say that somebody else asks
	DoListener Do = "listener" // loopback to the pod's own listeners: the weakest control
	DoKey      Do = "key"      // take this key; told once a pod, before anything else
	DoReceipts Do = "receipts" // hand over the receipts after a sequence number
	DoFlush    Do = "flush"    // answer End once every attempt sent before was answered
)

// onTarget says that an attempt is on one of our targets, and not on a service of
// others.
func (d Do) onTarget() bool {
	return d != DoConnect && d != DoFirst && d != DoHead && d != DoHello
}

// Inward says that an attempt is on the source's own pod alone, and about another.
func (d Do) Inward() bool { return d == DoKnown || d == DoIdentity }

// Order is one line from the runner to a probe.
type Order struct {
	Do       Do       `json:"do"`
	ID       string   `json:"id,omitempty"`
	Round    int      `json:"round,omitempty"`
	Nonce    string   `json:"nonce,omitempty"`
	Token    string   `json:"token,omitempty"`
	Host     string   `json:"host,omitempty"`
	Port     int      `json:"port,omitempty"`
	Deadline Duration `json:"deadline,omitempty"`
	Key      []byte   `json:"key,omitempty"`
	After    uint64   `json:"after,omitempty"`
	Proto    string   `json:"proto,omitempty"` // of a listener: http, h2c, tls, tcp, udp, banner or sctp

	Form string `json:"form,omitempty"` // of an HTTP request, one of Forms or Identities; empty is the plain one

	// Of a lookup, whose host is the name as it stands, without a search list.
	Type   string `json:"type,omitempty"`   // A, AAAA, SRV, PTR or TXT
	Server string `json:"server,omitempty"` // address or address:port; empty means the first nameserver of the pod's resolv.conf
	Search bool   `json:"search,omitempty"` // ask with the first domain of the pod's search list behind the whole name
	Over   string `json:"over,omitempty"`   // udp, which an empty one means too, tcp or https

	Namespace string `json:"namespace,omitempty"` // that the pod's own proxy may know, or that a client says that it is of
	Own       string `json:"own,omitempty"`       // the name of the source's own Service, without the cluster's domain
}

// Reply is one line from a probe to the runner. Exactly one part is set.
type Reply struct {
	Observed *Observation `json:"observed,omitempty"`
	Keyed    *Keyed       `json:"keyed,omitempty"`
	Receipts *Receipts    `json:"receipts,omitempty"`
	End      *End         `json:"end,omitempty"`
	Fault    string       `json:"fault,omitempty"` // an order that could not be read or followed
}

// Keyed acknowledges a key.
type Keyed struct {
	Boot string `json:"boot"` // the probe process's own id: another one means that it restarted
	// NoSCTP says why the target does not listen for SCTP, in the words of its
	// kernel; empty where it does.
	NoSCTP string `json:"noSCTP,omitempty"`
}

// End closes a batch. Got and Answered count the attempts since the last End;
// they differ only where the probe lost some.
type End struct {
	Got      int `json:"got"`
	Answered int `json:"answered"`
}

// Phase is how far an attempt came before it ended.
type Phase string

// The phases of an attempt, in their order.
const (
	PhaseResolve   Phase = "resolve"
	PhaseConnect   Phase = "connect"
	PhaseHandshake Phase = "handshake" // of TLS
	PhaseBanner    Phase = "banner"    // the other side is to speak first
	PhaseWrite     Phase = "write"
	PhaseRead      Phase = "read"
	PhaseDone      Phase = "done" // an answer was read whole
)

// Observation is what the source saw of one attempt, unjudged.
type Observation struct {
	ID        string            `json:"id"`
	Round     int               `json:"round"`
	Nonce     string            `json:"nonce"`
	Do        Do                `json:"do"`
	Phase     Phase             `json:"phase"`
	Errno     string            `json:"errno,omitempty"` // symbolic, such as ECONNREFUSED
	Timeout   bool              `json:"timeout,omitempty"`
	EOF       bool              `json:"eof,omitempty"` // the other side ended the stream before the answer was whole
	DNS       string            `json:"dns,omitempty"` // in PhaseResolve: nxdomain, nodata, servfail, timeout, unreachable, error
	Error     string            `json:"error,omitempty"`
	Local     string            `json:"local,omitempty"`  // address:port bound by the source, known even where connecting failed
	Remote    string            `json:"remote,omitempty"` // address:port tried; of a lookup, the server asked
	Alert     string            `json:"alert,omitempty"`  // of TLS, by which the other side refused
	Status    int               `json:"status,omitempty"`
	Header    map[string]string `json:"header,omitempty"`    // server, www-authenticate, grpc-status and the like
	Bytes     []byte            `json:"bytes,omitempty"`     // the first bytes of the answer, bounded
	Banner    []byte            `json:"banner,omitempty"`    // what came before anything was sent, up to the end of a line, bounded
	First     int               `json:"first,omitempty"`     // how many bytes, of at most 16, the first read brought; they are not kept
	RCode     string            `json:"rcode,omitempty"`     // of a lookup: NOERROR, NXDOMAIN, REFUSED and the like
	Answers   []string          `json:"answers,omitempty"`   // of a lookup: the data of the asked type, sorted, at most 16 of at most 255 bytes
	Proxy     *ProxyView        `json:"proxy,omitempty"`     // how much the pod's own proxy knows; of its Services in the namespace Answers has names
	Truncated bool              `json:"truncated,omitempty"` // of a lookup: more was to come by TCP, which failed as the rest says
	ConnectMS float64           `json:"connectMs,omitempty"`
	MS        float64           `json:"ms"`
}

// Receipt is one arrival at a target: an accepted connection or a datagram.
type Receipt struct {
	Seq    uint64    `json:"seq"` // counts from 1 in each boot
	At     time.Time `json:"at"`  // by the target's clock
	Proto  string    `json:"proto"`
	Port   int       `json:"port"`   // the target's own
	Remote string    `json:"remote"` // address:port it came from
	Nonce  string    `json:"nonce,omitempty"`
	Good   bool      `json:"good,omitempty"`  // its token was one of this target's key
	Heard  bool      `json:"heard,omitempty"` // it said something: of a connection, at least a byte came

	again uint64 // the number by which it was handed over once more; 0 for none
}

// proxies are the addresses from which Istio's sidecar connects to its workload
// (istio.io/istio, pilot/pkg/networking/util: InboundPassthroughBindIpv4 and 6).
var proxies = []netip.Addr{netip.MustParseAddr("127.0.0.6"), netip.MustParseAddr("::6")}

// ByProxy says that a mesh's proxy in the target's own pod brought the arrival.
func (r Receipt) ByProxy() bool {
	from, err := netip.ParseAddrPort(r.Remote)
	return err == nil && slices.Contains(proxies, from.Addr())
}

// Receipts is a batch of them. Lost counts arrivals that were not kept since
// the process started: any is an overflow. More says that a further batch
// follows at once.
type Receipts struct {
	Boot     string    `json:"boot"`
	Receipts []Receipt `json:"receipts"`
	Last     uint64    `json:"last"` // the newest sequence number given out so far
	Lost     uint64    `json:"lost,omitempty"`
	More     bool      `json:"more,omitempty"`
}

// Outcome is an observation's class.
type Outcome string

// The outcomes, in the order of the design's table.
const (
	Reached         Outcome = "reached"
	Misrouted       Outcome = "misrouted"
	Disclosed       Outcome = "disclosed"
	Received        Outcome = "received"
	Forbidden       Outcome = "forbidden"
	Unauthenticated Outcome = "unauthenticated"
	TLSRejected     Outcome = "tls-rejected"
	Refused         Outcome = "refused"
	Reset           Outcome = "reset"
	Closed          Outcome = "closed"
	Dropped         Outcome = "dropped"
	Unreachable     Outcome = "unreachable"
	Unresolved      Outcome = "unresolved"
	Blackholed      Outcome = "blackholed"
	Error           Outcome = "error"
)

// Authenticity says whose answer the bytes of an observation are, which only
// the holder of the keys can tell.
type Authenticity int

// Silent is no answer at all, Genuine one signed by the very target, Foreign
// one signed by another target of the same run, Unsigned bytes that no key of
// the run made. Greeted is a banner signed by the very target, and no answer of
// its own behind it. Echoed is the nonce that came back by ICMP: somebody at
// that address answered. Kernels sign nothing, so it may be anybody there; it is
// told from Genuine so that nobody takes one for the other.
const (
	Silent Authenticity = iota
	Genuine
	Foreign
	Unsigned
	Greeted
	Echoed
)
