package runner

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/verdicts"
)

const (
	podAddress      = "10.0.1.5"
	otherPodAddress = "10.0.2.5"
	targetAddress   = "10.0.2.9"
)

// scene is one target with the shots of two sources on two nodes at it.
type scene struct {
	attribution
	target, elsewhere *pod
	tcp, again        *shot // from one pod, on the same port
	udp               *shot // from that pod, on UDP with the same number
	http              *shot // from that pod
	other             *shot // from a pod on the other node, as tcp
	control           *shot // from the target's own namespace, as tcp
	own               *shot // from the target, on itself
}

func newScene() *scene {
	a, b, own := standing("t1", "t1", "a"), standing("t2", "t2", "b"), standing("t3", "t3", "b", "a", "b")
	source, stranger := a.pods[0], b.pods[0]
	s := &scene{target: own.pods[0], elsewhere: own.pods[1]}
	shoot := func(from *pod, nonce, proto string, port int, local string) *shot {
		return &shot{
			order: probes.Order{Nonce: nonce}, source: from, target: s.target, proto: proto, port: port,
			observation: &probes.Observation{Nonce: nonce, Local: local},
		}
	}
	s.tcp = shoot(source, "n-tcp", "tcp", 9007, podAddress+":40001")
	s.again = shoot(source, "n-again", "tcp", 9007, podAddress+":40002")
	s.udp = shoot(source, "n-udp", "udp", 9007, podAddress+":40001")
	s.http = shoot(source, "n-http", "tcp", 8080, podAddress+":40003")
	s.other = shoot(stranger, "n-other", "tcp", 9007, otherPodAddress+":40001")
	s.control = shoot(own.pods[2], "n-control", "tcp", 9007, "10.0.2.6:40001")
	s.own = shoot(s.target, "n-own", "tcp", 8080, targetAddress+":40001")
	s.own.order.Do = probes.DoIdentity
	s.known = map[string]*shot{}
	for _, x := range s.all() {
		s.known[x.order.Nonce] = x
	}
	s.nodes = &nodes{
		addresses: map[netip.Addr]string{netip.MustParseAddr("192.0.2.1"): "a", netip.MustParseAddr("192.0.2.2"): "b", netip.MustParseAddr("2001:db8::1"): "a"},
		ranges:    map[netip.Prefix]string{netip.MustParsePrefix("10.0.1.0/24"): "a", netip.MustParsePrefix("10.0.2.0/24"): "b"},
	}
	s.pods = map[netip.Addr]*pod{
		netip.MustParseAddr(podAddress): source, netip.MustParseAddr("2001:db8:1::5"): source,
		netip.MustParseAddr(otherPodAddress): stranger, netip.MustParseAddr(targetAddress): s.target,
		netip.MustParseAddr("10.0.2.6"): own.pods[2],
	}
	return s
}

func (s *scene) all() []*shot {
	return []*shot{s.tcp, s.again, s.udp, s.http, s.other, s.control, s.own}
}

// counts is what a shot was given: certain and possible arrivals.
type counts struct{ certain, possible int }

func (s *scene) counts() map[string]counts {
	got := map[string]counts{}
	for _, x := range s.all() {
		if c := (counts{x.arrivals.Certain, x.arrivals.Possible}); c != (counts{}) {
			got[x.order.Nonce[2:]] = c
		}
	}
	return got
}

func TestAttribution(t *testing.T) {
	t.Parallel()
	certain, possible := counts{certain: 1}, counts{possible: 1}
	for _, c := range []struct {
		name    string
		receipt probes.Receipt
		want    map[string]counts
	}{
		{"a nonce counts for its shot alone", probes.Receipt{Proto: "tcp", Port: 9007, Nonce: "n-tcp", Remote: podAddress + ":40002"}, map[string]counts{"tcp": certain}},
		{"a nonce counts from whatever address", probes.Receipt{Proto: "tcp", Port: 9007, Nonce: "n-tcp", Remote: "203.0.113.7:1"}, map[string]counts{"tcp": certain}},
		{"a nonce counts on whatever port", probes.Receipt{Proto: "udp", Port: 9053, Nonce: "n-tcp", Remote: podAddress + ":1"}, map[string]counts{"tcp": certain}},
		{"a control's nonce is the control's", probes.Receipt{Proto: "tcp", Port: 9007, Nonce: "n-control", Remote: podAddress + ":40001"}, map[string]counts{"control": certain}},
		{"what a pod asks of itself is nobody's", probes.Receipt{Proto: "http", Port: 8080, Nonce: "n-own", Remote: "127.0.0.6:1", Heard: true}, map[string]counts{}},
		{"a nonce that nobody knows is none", probes.Receipt{Proto: "tcp", Port: 9007, Nonce: "stranger", Remote: podAddress + ":40001"}, map[string]counts{"tcp": certain}},
		{"the pod's socket is the shot's", probes.Receipt{Proto: "tcp", Port: 9007, Remote: podAddress + ":40002"}, map[string]counts{"again": certain}},
		{"the pod without a socket that matches is all its shots", probes.Receipt{Proto: "tcp", Port: 9007, Remote: podAddress + ":50000"}, map[string]counts{"tcp": certain, "again": certain}},
		{"the pod by IPv6", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "[2001:db8:1::5]:50000"}, map[string]counts{"tcp": certain, "again": certain}},
		{"the pod by an IPv4 address in IPv6", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "[::ffff:" + podAddress + "]:40002"}, map[string]counts{"again": certain}},
		{"UDP apart from TCP of the same number", probes.Receipt{Proto: "udp", Port: 9007, Remote: podAddress + ":40001"}, map[string]counts{"udp": certain}},
		{"HTTP is TCP", probes.Receipt{Proto: "http", Port: 8080, Remote: podAddress + ":40003"}, map[string]counts{"http": certain}},
		{"the node's address is possibly any of the node's shots", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "192.0.2.1:40001"}, map[string]counts{"tcp": possible, "again": possible}},
		{"the node's IPv6 address too", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "[2001:db8::1]:9"}, map[string]counts{"tcp": possible, "again": possible}},
		{"the node's pod range too", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "10.0.1.1:9"}, map[string]counts{"tcp": possible, "again": possible}},
		{"another node's is not this node's", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "192.0.2.2:40001"}, map[string]counts{"other": possible, "control": possible}},
		{"an address that nobody knows is possibly anybody's", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "203.0.113.7:1"}, map[string]counts{"tcp": possible, "again": possible, "other": possible, "control": possible}},
		{"an address that cannot be read is too", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "?"}, map[string]counts{"tcp": possible, "again": possible, "other": possible, "control": possible}},
		{"the target's own address, a proxy's, is possibly anybody's", probes.Receipt{Proto: "tcp", Port: 9007, Remote: targetAddress + ":40001"}, map[string]counts{"tcp": possible, "again": possible, "other": possible, "control": possible}},
		{"loopback too", probes.Receipt{Proto: "tcp", Port: 9007, Remote: "127.0.0.6:40001"}, map[string]counts{"tcp": possible, "again": possible, "other": possible, "control": possible}},
		{"a port that nobody tried is nobody's", probes.Receipt{Proto: "tcp", Port: 9999, Remote: podAddress + ":40001"}, map[string]counts{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene()
			s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{c.receipt}})
			assert.Equal(t, c.want, s.counts())
		})
	}
}

// By the loopback of a pod with nothing but the probe in it comes the probe
// alone; whatever else stands in the pod may speak for anybody.
func TestLoopbackOfAPodThatIsAlone(t *testing.T) {
	t.Parallel()
	for remote, spared := range map[string]bool{"127.0.0.1:40001": true, "[::1]:40001": true, targetAddress + ":40001": false, "?": false} {
		for _, alone := range []bool{true, false} {
			s := newScene()
			s.target.alone = alone
			s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{{Proto: "tcp", Port: 9007, Remote: remote}}})
			assert.Equal(t, spared && alone, len(s.counts()) == 0, "%s, alone: %v", remote, alone)
		}
	}
}

func TestAPortThatIsUsedAgainCountsForBoth(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.again.observation.Local = s.tcp.observation.Local
	s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{{Proto: "tcp", Port: 9007, Remote: podAddress + ":40001"}}})
	assert.Equal(t, map[string]counts{"tcp": {certain: 1}, "again": {certain: 1}}, s.counts())
}

func TestAShotThatWasRenewedKeepsItsSocketAndItsNonce(t *testing.T) {
	t.Parallel()
	s := newScene()
	r := &part{run: &run{known: s.known}}
	s.target.key = probes.NewKey()
	r.renew(s.tcp)
	require.NotEqual(t, "n-tcp", s.tcp.order.Nonce)
	assert.Equal(t, s.target.key.Token(s.tcp.order.Nonce), s.tcp.order.Token)
	s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{
		{Proto: "tcp", Port: 9007, Nonce: "n-tcp", Remote: podAddress + ":1"},
		{Proto: "tcp", Port: 9007, Nonce: s.tcp.order.Nonce, Remote: podAddress + ":1"},
		{Proto: "tcp", Port: 9007, Remote: podAddress + ":40001"},
	}})
	assert.Equal(t, 3, s.tcp.arrivals.Certain)
	assert.Zero(t, s.again.arrivals.Certain)
}

func TestAnUnansweredShotHasNoSocket(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.tcp.observation = nil
	s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{{Proto: "tcp", Port: 9007, Remote: podAddress + ":0"}}})
	assert.Equal(t, map[string]counts{"tcp": {certain: 1}, "again": {certain: 1}}, s.counts())
}

func TestAFaultSparesNoShotAndHidesNoNonce(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.settle(s.target, s.all(), collection{fault: "it restarted", receipts: []probes.Receipt{
		{Proto: "tcp", Port: 9007, Nonce: "n-again", Remote: podAddress + ":40002"},
		{Proto: "tcp", Port: 9007, Remote: podAddress + ":40001"},
	}})
	assert.Equal(t, map[string]counts{"again": {certain: 1}}, s.counts(), "what is certain stays so; the rest is no evidence")
	for _, x := range s.all() {
		assert.Equal(t, "it restarted", x.arrivals.Fault, x.order.Nonce)
	}
}

// A nonce that comes out at another target than was asked is still an arrival.
// It does not show that the asked target's receipts work.
func TestANonceAtAnotherTargetCounts(t *testing.T) {
	t.Parallel()
	s := newScene()
	r := &run{nodes: s.nodes, known: s.known}
	r.settle([]*shot{s.tcp}, nil, map[*pod]collection{
		s.target:    {},
		s.elsewhere: {receipts: []probes.Receipt{{Proto: "tcp", Port: 9007, Nonce: "n-tcp", Remote: podAddress + ":1"}}},
	})
	assert.Equal(t, verdicts.Arrivals{Certain: 1}, s.tcp.arrivals)
}

func TestALateNonceCountsForTheRoundBefore(t *testing.T) {
	t.Parallel()
	s := newScene()
	r := &run{nodes: s.nodes, known: s.known}
	late := []probes.Receipt{
		{Proto: "tcp", Port: 9007, Nonce: "n-tcp", Remote: podAddress + ":1"},
		{Proto: "tcp", Port: 9007, Remote: podAddress + ":40001"},
	}
	r.settle([]*shot{s.again}, map[*pod]collection{s.target: {receipts: late}}, map[*pod]collection{s.target: {}})
	assert.Equal(t, 1, s.tcp.arrivals.Certain)
	assert.Zero(t, s.again.arrivals.Certain, "what came before a round is not its own")
}

func TestSince(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		earlier collection
		later   collection
		want    string
	}{
		{"whole", collection{lost: 3}, collection{lost: 3}, ""},
		{"an overflow before it", collection{lost: 3}, collection{lost: 3}, ""},
		{"a gap where it begins, in which a late arrival may be", collection{gap: true}, collection{}, "some of them were lost on the way"},
		{"its own fault", collection{fault: "old"}, collection{fault: "new"}, "new"},
		{"the fault of where it begins", collection{fault: "old"}, collection{}, "old"},
		{"an overflow", collection{lost: 3}, collection{lost: 4}, "arrivals overflowed its memory, or that of its socket"},
		{"a gap", collection{}, collection{gap: true}, "some of them were lost on the way"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, c.later.since(c.earlier).fault)
		})
	}
}

func TestGapless(t *testing.T) {
	t.Parallel()
	seqs := func(last uint64, seqs ...uint64) probes.Receipts {
		r := probes.Receipts{Last: last}
		for _, s := range seqs {
			r.Receipts = append(r.Receipts, probes.Receipt{Seq: s})
		}
		return r
	}
	for _, c := range []struct {
		name  string
		got   probes.Receipts
		after uint64
		want  bool
	}{
		{"nothing at all", seqs(0), 0, true},
		{"nothing new", seqs(7), 7, true},
		{"all", seqs(3, 1, 2, 3), 0, true},
		{"all that is new", seqs(5, 4, 5), 3, true},
		{"the first is missing", seqs(5, 5), 3, false},
		{"one between is missing", seqs(5, 3, 5), 2, false},
		{"the last is missing", seqs(5, 4), 3, false},
		{"everything is missing", seqs(5), 3, false},
		{"the wrong way round", seqs(2, 2, 1), 0, false},
		{"twice", seqs(2, 1, 1, 2), 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, gapless(c.got, c.after))
		})
	}
}

// What the listeners of a real target call their arrivals is what the
// attribution expects.
func TestARealTargetsReceiptsAreUnderstood(t *testing.T) {
	t.Parallel()
	target, err := probes.ListenTarget(probes.TargetOptions{Host: "127.0.0.1", Ports: probes.Ports{TCP: []int{0}, UDP: []int{0}}})
	require.NoError(t, err)
	defer target.Close()
	go target.Serve(t.Context())
	ports := target.Ports()
	source := standing("t1", "t1", "a").pods[0]
	var shots []*shot
	for _, c := range []struct {
		network, proto string
		port           int
	}{{"tcp", "tcp", ports.HTTP}, {"tcp", "tcp", ports.TCP[0]}, {"udp", "udp", ports.UDP[0]}} {
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(c.port)).String()
		conn, err := net.Dial(c.network, to)
		require.NoError(t, err)
		_, err = conn.Write([]byte("\n")) // no nonce
		require.NoError(t, err)
		defer conn.Close()
		shots = append(shots, &shot{source: source, proto: c.proto, port: c.port, observation: &probes.Observation{Local: conn.LocalAddr().String()}})
	}
	var got []probes.Receipt
	require.Eventually(t, func() bool {
		got = nil
		_ = target.Receipts(0, func(r probes.Receipts) error { got = append(got, r.Receipts...); return nil })
		return len(got) == len(shots)
	}, patience, tick)

	a := attribution{nodes: &nodes{}, pods: map[netip.Addr]*pod{netip.MustParseAddr("127.0.0.1"): source}}
	a.settle(&pod{}, shots, collection{receipts: got})
	for _, s := range shots {
		assert.Equal(t, 1, s.arrivals.Certain, "%s/%d", s.proto, s.port)
	}
}
