package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"github.com/partywall/partywall/probes"
)

// simulatedProbe is a pod and the probe in it. Its attempts do not touch a
// network: what a closed wall drops is answered at the deadline, as a real
// probe does, and holds one of its slots until then.
type simulatedProbe struct {
	world  *simulation
	object corev1.Pod
	slots  chan struct{}

	mu       sync.Mutex
	key      probes.Key
	receipts []probes.Receipt
}

func newSimulatedProbe(s *simulation, job *batchv1.Job, n int) *simulatedProbe {
	p := &simulatedProbe{world: s, slots: make(chan struct{}, probes.DefaultInFlight)}
	p.object = corev1.Pod{
		TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{
			Name: job.Name + "-x", Namespace: job.Namespace, UID: job.UID, ResourceVersion: "1",
			Labels: job.Spec.Template.Labels, OwnerReferences: controlled(job),
		},
		Spec: job.Spec.Template.Spec,
	}
	p.object.Spec.NodeName = simulatedNodes[job.Labels["partywall.dev/pod"]]
	p.object.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: address(10, n), PodIPs: []corev1.PodIP{{IP: address(10, n)}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	return p
}

// exec is an exec by WebSocket, with the channels of Kubernetes.
func (s *simulation) exec(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p := s.probes[r.PathValue("ns")][r.PathValue("pod")]
	s.mu.Unlock()
	if p == nil {
		http.NotFound(w, r)
		return
	}
	conn := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{"v5.channel.k8s.io": {
		Binary: true,
		Channels: []wsstream.ChannelType{
			wsstream.ReadChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.ReadChannel,
		},
	}})
	_, streams, err := conn.Open(w, r)
	if err != nil {
		return // the client was told
	}
	defer conn.Close() //nolint:errcheck // it is all said
	p.serve(streams[0], streams[1])
	_ = json.NewEncoder(streams[3]).Encode(metav1.Status{Status: metav1.StatusSuccess}) // a client that left wants nothing
}

// serve follows the orders of one stream.
func (p *simulatedProbe) serve(in io.Reader, out io.Writer) {
	var mu sync.Mutex
	reply := func(r probes.Reply) {
		line, _ := json.Marshal(r) // plain data
		mu.Lock()
		defer mu.Unlock()
		_, _ = out.Write(append(line, '\n')) // a client that left wants nothing
	}
	var running sync.WaitGroup
	got := 0
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var o probes.Order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			reply(probes.Reply{Fault: err.Error()})
			continue
		}
		switch o.Do {
		case probes.DoKey:
			p.mu.Lock()
			p.key = o.Key
			p.mu.Unlock()
			reply(probes.Reply{Keyed: &probes.Keyed{Boot: "boot"}})
		case probes.DoReceipts:
			p.handOver(o.After, reply)
		case probes.DoFlush:
			running.Wait()
			reply(probes.Reply{End: &probes.End{Got: got, Answered: got}})
			got = 0
		default:
			got++
			p.attempt(o, &running, reply)
		}
	}
	running.Wait()
}

func (p *simulatedProbe) attempt(o probes.Order, running *sync.WaitGroup, reply func(probes.Reply)) {
	p.slots <- struct{}{}
	seen := &probes.Observation{ID: o.ID, Round: o.Round, Nonce: o.Nonce, Do: o.Do, Local: p.object.Status.PodIP + ":40000"}
	to := p.world.find(o.Host)
	if to == nil || p.world.wall == closed && to.object.Namespace != p.object.Namespace {
		seen.Phase, seen.Timeout, seen.MS = probes.PhaseConnect, true, milliseconds(o.Deadline)
		running.Add(1)
		time.AfterFunc(time.Duration(o.Deadline), func() {
			reply(probes.Reply{Observed: seen})
			<-p.slots
			running.Done()
		})
		return
	}
	seen.Phase, seen.Bytes = probes.PhaseDone, to.arrive(o, seen.Local)
	reply(probes.Reply{Observed: seen})
	<-p.slots
}

func milliseconds(d probes.Duration) float64 { return float64(time.Duration(d).Milliseconds()) }

// find is the probe that an address or a name stands for.
func (s *simulation) find(host string) *simulatedProbe {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isName(host) {
		return s.byIP[host]
	}
	labels := strings.Split(host, ".")
	if len(labels) == 4 { // SLOT.SERVICE.NAMESPACE.svc
		return s.probes[labels[2]][strings.TrimSuffix(labels[1], "pods")+labels[0]+"-x"]
	}
	return s.probes[labels[1]][labels[0]+"-x"]
}

// arrive records an arrival, and answers it as the wire format says.
func (p *simulatedProbe) arrive(o probes.Order, from string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	seq := uint64(len(p.receipts) + 1)
	p.receipts = append(p.receipts, probes.Receipt{Seq: seq, Proto: string(o.Do), Port: o.Port, Remote: from, Nonce: o.Nonce, Good: true})
	mac := hmac.New(sha256.New, p.key)
	fmt.Fprintf(mac, "partywall/1 answer\x00%s\x00%d\x00%s\x00boot\x00%d", o.Do, o.Port, o.Nonce, seq)
	return fmt.Appendf(nil, "pw1 %s boot %d %s\n", o.Nonce, seq, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16]))
}

func (p *simulatedProbe) handOver(after uint64, reply func(probes.Reply)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := p.receipts[min(after, uint64(len(p.receipts))):]
	for {
		n := min(500, len(rest))
		reply(probes.Reply{Receipts: &probes.Receipts{Boot: "boot", Last: uint64(len(p.receipts)), Receipts: rest[:n], More: n < len(rest)}})
		if rest = rest[n:]; len(rest) == 0 {
			return
		}
	}
}
