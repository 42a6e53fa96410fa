package runner

import (
	"bufio"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// hooks is a progress that calls a function when a phase begins.
type hooks struct {
	phase func(name string)
	notes []string
}

func (h *hooks) Phase(name string) {
	if h.phase != nil {
		h.phase(name)
	}
}

func (h *hooks) Note(text string) { h.notes = append(h.notes, text) }

func options() Options {
	return Options{
		Image: "example.test/probe:1", Deadline: 3500 * time.Millisecond, DeployTimeout: 2 * time.Minute,
		MaxDuration: time.Hour, Rate: 500, Progress: &hooks{},
	}
}

// tenantsOf names tenants with one namespace each, of the tenant's name.
func tenantsOf(names ...string) *tenancy.Tenancy {
	t := &tenancy.Tenancy{Name: "test", FailOn: tenancy.High}
	for _, name := range names {
		t.Tenants = append(t.Tenants, tenancy.Tenant{Name: name, Namespaces: []string{name}})
	}
	return t
}

// standing is a place whose probes stand on the given nodes, in the order of
// the slots.
func standing(tenant, namespace string, on ...string) *place {
	p := &place{tenant: tenant, namespace: namespace, ports: ownPorts[:]}
	for slot, node := range on {
		p.pods[slot] = &pod{
			place: p, slot: slot, job: objectName("0123abcd", slot), name: slotNames[slot] + "-x", node: node, key: probes.NewKey(),
		}
	}
	return p
}

// podAt is a probe of a place as its Job was made.
func podAt(p *place, slot int) *pod {
	return &pod{place: p, slot: slot, job: p.objectName("0123abcd", slot)}
}

// sign makes the line that a target of this key answers with, as the wire
// format says.
func sign(key probes.Key, proto string, port int, nonce, boot string, seq uint64) []byte {
	n := strconv.FormatUint(seq, 10)
	h := hmac.New(sha256.New, key)
	h.Write([]byte("partywall/1 answer\x00" + strings.Join([]string{proto, strconv.Itoa(port), nonce, boot, n}, "\x00")))
	return []byte("pw1 " + nonce + " " + boot + " " + n + " " + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]) + "\n")
}

// way is what becomes of an attempt on its way.
type way int

const (
	through   way = iota // arrives and is answered
	dropped              // does not arrive
	oneWay               // arrives, and the answer is dropped
	accepted             // arrives as a connection that says nothing, from the source's socket
	natted               // arrives like that from an address of the source's node
	tunnelled            // arrives like that from the node's address in the pods' network
	belated              // arrives when the round is over
	failed               // fails at the source, of itself
)

// fakeNet is a cluster's worth of probes, without a cluster.
type fakeNet struct {
	mu   sync.Mutex
	pods []*fakeProbe
	wall func(from, to *fakeProbe, o probes.Order) way
	lost func(o probes.Order) bool // of what stays in a namespace
	// lostFrom is of what a probe sends within its namespace.
	lostFrom func(f *fakeProbe, o probes.Order) bool
	// secondOf is a probe's second address; nil where there are none.
	secondOf func(f *fakeProbe) string
	slow     time.Duration // of all that is asked of a probe
	doors    map[int]door  // by the port that each node opens
	resolve  func(from *fakeProbe, o probes.Order, seen *probes.Observation)
	noSCTP   string          // the node whose kernel has none
	noPing   bool            // kernels let pods send no echo request
	arrived  map[string]bool // ids of attempts of which something arrived
}

// door is what a port of the nodes leads to.
type door struct {
	to   *fakeProbe
	port int
}

// fakeProbe is one probe pod. It follows orders as a real one does.
type fakeProbe struct {
	net       *fakeNet
	namespace string
	slot      string
	node      string
	host      string // of its Service
	cluster   string // that Service's address
	headless  string // its own name
	ip        netip.Addr
	second    string // its second address
	boot      string
	key       probes.Key
	seq       uint64
	receipts  []probes.Receipt
	parked    []parked // that have yet to arrive
	lost      uint64
	hide      uint64 // the receipt of this number is lost between target and runner
	local     int
	unplugged bool                   // from its network; not from exec's
	shut      int                    // a port that it does not listen on
	broken    func(opened int) error // an exec's fate
	cut       int                    // the stream breaks before so manyeth reply
	opened    int
}

// parked is an arrival that has yet to be, once its time has come.
type parked struct {
	id  string
	due time.Time
	probes.Receipt
}

func (f *fakeProbe) arrive(id string, r probes.Receipt) {
	f.net.arrived[id] = true
	f.seq++
	r.Seq = f.seq
	f.receipts = append(f.receipts, r)
}

func (n *fakeNet) find(host string) *fakeProbe {
	for _, f := range n.pods {
		if host != "" && slices.Contains([]string{f.ip.String(), f.second, f.host, f.cluster, f.headless}, host) {
			return f
		}
	}
	return nil
}

// exec opens a stream to the probe.
func (f *fakeProbe) exec(ctx context.Context, stdin io.Reader, stdout, _ io.Writer) error {
	f.net.mu.Lock()
	f.opened++
	broken := f.broken
	opened := f.opened
	f.net.mu.Unlock()
	if broken != nil {
		if err := broken(opened); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(stdin)
	got := 0
	for lines.Scan() {
		var o probes.Order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		if !pause(ctx, f.net.slow) {
			return ctx.Err()
		}
		for _, r := range f.follow(o, &got) {
			if f.cuts() {
				return errCut
			}
			line, _ := json.Marshal(r)
			if _, err := stdout.Write(append(line, '\n')); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (f *fakeProbe) cuts() bool {
	f.net.mu.Lock()
	defer f.net.mu.Unlock()
	f.cut--
	return f.cut == 0
}

func (f *fakeProbe) follow(o probes.Order, got *int) []probes.Reply {
	f.net.mu.Lock()
	defer f.net.mu.Unlock()
	switch o.Do {
	case probes.DoKey:
		f.key = o.Key
		keyed := probes.Keyed{Boot: f.boot}
		if f.node == f.net.noSCTP {
			keyed.NoSCTP = "no such protocol"
		}
		return []probes.Reply{{Keyed: &keyed}}
	case probes.DoReceipts:
		return f.handOver(o.After)
	case probes.DoFlush:
		n := *got
		*got = 0
		return []probes.Reply{{End: &probes.End{Got: n, Answered: n}}}
	}
	*got++
	return []probes.Reply{{Observed: f.attempt(o)}}
}

func (f *fakeProbe) handOver(after uint64) []probes.Reply {
	f.parked = slices.DeleteFunc(f.parked, func(p parked) bool {
		due := !time.Now().Before(p.due)
		if due {
			f.arrive(p.id, p.Receipt)
		}
		return due
	})
	all := probes.Receipts{Boot: f.boot, Last: f.seq, Lost: f.lost}
	for _, r := range f.receipts {
		if r.Seq > after && r.Seq != f.hide {
			all.Receipts = append(all.Receipts, r)
		}
	}
	return []probes.Reply{{Receipts: &all}}
}

func (f *fakeProbe) attempt(o probes.Order) *probes.Observation {
	f.local++
	seen := &probes.Observation{ID: o.ID, Round: o.Round, Nonce: o.Nonce, Do: o.Do, Phase: probes.PhaseConnect, Timeout: true}
	if o.Do == probes.DoDNS {
		seen.Phase = probes.PhaseRead
		f.net.resolve(f, o, seen)
		return seen
	}
	to, proto := f.net.find(o.Host), string(o.Do)
	if o.Do == probes.DoICMP {
		f.ping(o, to, seen)
		return seen
	}
	if o.Do == probes.DoSCTP && f.node == f.net.noSCTP {
		seen.Phase, seen.Timeout, seen.Errno, seen.Error = "", false, "EPROTONOSUPPORT", "no such protocol"
		return seen
	}
	remote := ""
	if door, ok := f.net.doors[o.Port]; ok && to == nil {
		to, remote, o.Port = door.to, o.Host+":61000", door.port // a node stands between
	}
	if o.Do == probes.DoListener {
		to, proto = f, o.Proto
	}
	if to == nil {
		seen.Phase, seen.Timeout, seen.DNS = probes.PhaseResolve, false, "nxdomain"
		return seen
	}
	from := f.ip
	if ip, err := netip.ParseAddr(o.Host); err == nil && ip.Is6() {
		from, _ = netip.ParseAddr(f.second)
	}
	seen.Local = netip.AddrPortFrom(from, uint16(20000+f.local)).String()
	f.send(o, to, proto, probes.Receipt{Proto: proto, Port: o.Port, Remote: cmp.Or(remote, seen.Local)}, seen)
	return seen
}

// ping is answered by the target's kernel, which tells nobody.
func (f *fakeProbe) ping(o probes.Order, to *fakeProbe, seen *probes.Observation) {
	switch {
	case f.net.noPing:
		seen.Phase, seen.Timeout, seen.Errno, seen.Error = "", false, "EACCES", "its group is not in the node's net.ipv4.ping_group_range"
	case f.net.way(f, to, o) == through:
		seen.Phase, seen.Timeout, seen.Bytes = probes.PhaseDone, false, []byte(o.Nonce)
	}
}

func (f *fakeProbe) send(o probes.Order, to *fakeProbe, proto string, receipt probes.Receipt, seen *probes.Observation) {
	switch f.net.way(f, to, o) {
	case through:
		receipt.Nonce, receipt.Good = o.Nonce, true
		to.arrive(o.ID, receipt)
		seen.Phase, seen.Timeout = probes.PhaseDone, false
		seen.Bytes = sign(to.key, proto, o.Port, o.Nonce, to.boot, to.seq)
	case oneWay:
		receipt.Nonce, receipt.Good = o.Nonce, true
		to.arrive(o.ID, receipt)
	case accepted:
		to.arrive(o.ID, receipt)
	case natted:
		receipt.Remote = nodeAddress(f.node) + ":61000"
		to.arrive(o.ID, receipt)
	case tunnelled:
		receipt.Remote = rangeOfNode[f.node] + "1:61000"
		to.arrive(o.ID, receipt)
	case belated:
		receipt.Nonce, receipt.Good = o.Nonce, true
		to.parked = append(to.parked, parked{o.ID, time.Now().Add(quiet + 5*time.Second), receipt})
	case failed:
		seen.Timeout, seen.Errno = false, "EMFILE"
	case dropped:
	}
}

// way lets through whatever stays in a namespace.
func (n *fakeNet) way(from, to *fakeProbe, o probes.Order) way {
	if from != to && (from.unplugged || to.unplugged || to.shut != 0 && to.shut == o.Port) {
		return dropped
	}
	if from.namespace == to.namespace && (n.lost != nil && n.lost(o) || n.lostFrom != nil && n.lostFrom(from, o)) {
		return dropped
	}
	if from.namespace == to.namespace || n.wall == nil {
		return through
	}
	return n.wall(from, to, o)
}

func nodeAddress(node string) string {
	return map[string]string{"a": "192.0.2.1", "b": "192.0.2.2"}[node]
}

// testSession is a session with an opener, without a bound on its rate.
func testSession(t *testing.T, open opener) *session {
	t.Helper()
	s := &session{life: t.Context(), open: open, limiter: rate.NewLimiter(rate.Inf, 1)}
	t.Cleanup(s.close)
	return s
}

func attemptOf(from, to string, target int, placement suites.Placement) suites.Attempt {
	return suites.Attempt{
		Suite: "network", Check: "tcp", Do: probes.DoTCP, Port: ownPorts[1], Address: suites.PodIP,
		From: suites.Place{Tenant: from, Namespace: from}, To: suites.Place{Tenant: to, Namespace: to},
		Target: target, Placement: placement, Expect: suites.Denied, Severity: tenancy.High,
	}
}

const (
	patience = 20 * time.Second // for real listeners and processes, which take milliseconds
	tick     = 2 * time.Millisecond
)

// objectName is that of a namespace's own probes.
func objectName(run string, slot int) string { return (&place{}).objectName(run, slot) }
