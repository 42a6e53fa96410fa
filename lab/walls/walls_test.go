package walls

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// wall is a policy in namespace a, with what passes it and what does not. All of
// both must pass before the policy is there, and again after it has gone.
type wall struct {
	name         string
	policy       networkingv1.NetworkPolicySpec
	open, closed []attempt
}

func tcp(from, to string) attempt { return attempt{from, to, "tcp", 8080} }
func udp(from, to string) attempt { return attempt{from, to, "udp", 8080} }

func tcpAt(from, to string, port int) attempt { return attempt{from, to, "tcp", port} }
func udpAt(from, to string, port int) attempt { return attempt{from, to, "udp", port} }

// actors: a1 and b1 are on node1, a2, b2 and c2 on node2.
var cases = []wall{
	{
		name:   "deny all ingress, on both nodes, TCP and UDP",
		policy: ingress(nil),
		closed: []attempt{tcp("b1", "a1"), udp("b1", "a1"), tcp("b2", "a1"), udp("b2", "a1"), tcp("b1", "a2"), tcp("a1", "a2"), udp("c2", "a2"), tcp("outside", "a1")},
		open:   []attempt{tcp("a1", "b1"), udp("a2", "b1"), tcp("b1", "b2"), tcp("a1", "outside")},
	},
	{
		name:   "deny all egress, on both nodes, TCP and UDP",
		policy: egress(nil),
		closed: []attempt{tcp("a1", "b1"), udp("a1", "b1"), tcp("a1", "b2"), udp("a2", "b1"), tcp("a2", "a1"), tcp("a1", "outside"), tcpAt("a2", "outside", 80)},
		open:   []attempt{tcp("b1", "a1"), udp("b2", "a1"), tcp("b1", "outside"), tcp("outside", "a1")},
	},
	{
		name:   "a policy on one pod leaves the other open",
		policy: ingress(map[string]string{"actor": "a1"}),
		closed: []attempt{tcp("b1", "a1"), tcp("b2", "a1"), tcp("a2", "a1")},
		open:   []attempt{tcp("b1", "a2"), tcp("b2", "a2"), tcp("a1", "a2")},
	},
	{
		name:   "ingress from pods of the same namespace",
		policy: ingress(nil, from(pods("a2"))),
		closed: []attempt{tcp("b1", "a1"), tcp("b2", "a1"), tcp("a1", "a2")},
		open:   []attempt{tcp("a2", "a1"), udp("a2", "a1")},
	},
	{
		name:   "ingress from a namespace",
		policy: ingress(nil, from(namespaces("b"))),
		closed: []attempt{tcp("c2", "a1"), udp("c2", "a2"), tcp("a2", "a1"), tcp("outside", "a1")},
		open:   []attempt{tcp("b1", "a1"), tcp("b2", "a1"), udp("b2", "a2")},
	},
	{
		name:   "ingress from one pod of a namespace",
		policy: ingress(nil, from(podsIn("b", "b2"))),
		closed: []attempt{tcp("b1", "a1"), tcp("b1", "a2"), tcp("c2", "a1")},
		open:   []attempt{tcp("b2", "a1"), tcp("b2", "a2")},
	},
	{
		name:   "ingress on one TCP port",
		policy: ingress(nil, networkingv1.NetworkPolicyIngressRule{Ports: []port{ports(corev1.ProtocolTCP, 8080, 8080)}}),
		closed: []attempt{tcpAt("b1", "a1", 8081), tcpAt("b2", "a1", 8081), udp("b1", "a1"), udp("b2", "a1")},
		open:   []attempt{tcp("b1", "a1"), tcp("b2", "a1")},
	},
	{
		name:   "ingress on one UDP port",
		policy: ingress(nil, networkingv1.NetworkPolicyIngressRule{Ports: []port{ports(corev1.ProtocolUDP, 8081, 8081)}}),
		closed: []attempt{udp("b1", "a1"), udp("b2", "a2"), tcpAt("b1", "a1", 8081)},
		open:   []attempt{udpAt("b1", "a1", 8081), udpAt("b2", "a1", 8081)},
	},
	{
		name:   "ingress on a range of ports",
		policy: ingress(nil, networkingv1.NetworkPolicyIngressRule{Ports: []port{ports(corev1.ProtocolTCP, 8080, 8081)}}),
		closed: []attempt{tcpAt("b1", "a1", 8082), tcpAt("b2", "a1", 8082), udp("b1", "a1")},
		open:   []attempt{tcp("b1", "a1"), tcpAt("b1", "a1", 8081), tcpAt("b2", "a1", 8081)},
	},
	{
		name:   "ingress from a block of outside hosts, with an exception",
		policy: ingress(nil, from(block("203.0.113.0/24", "203.0.113.20/32"))),
		closed: []attempt{tcp("outside-other", "a1"), tcp("outside-other", "a2"), tcp("b1", "a1"), tcp("b2", "a1")},
		open:   []attempt{tcp("outside", "a1"), tcp("outside", "a2")},
	},
	{
		name:   "egress to a block of outside hosts, with an exception",
		policy: egress(nil, to(block("203.0.113.0/24", "203.0.113.20/32"))),
		closed: []attempt{tcp("a1", "outside-other"), tcp("a2", "outside-other"), tcp("a1", "b1"), udp("a2", "b1")},
		open:   []attempt{tcp("a1", "outside"), tcpAt("a2", "outside", 80)},
	},
	{
		name: "egress to one port of an outside host",
		policy: egress(nil, networkingv1.NetworkPolicyEgressRule{
			To: []peer{block("203.0.113.10/32")}, Ports: []port{ports(corev1.ProtocolTCP, 8080, 8080)},
		}),
		closed: []attempt{tcpAt("a1", "outside", 80), tcp("a1", "outside-other"), tcp("a2", "b2")},
		open:   []attempt{tcp("a1", "outside"), tcp("a2", "outside")},
	},
	{
		name:   "egress to a namespace",
		policy: egress(nil, to(namespaces("b"))),
		closed: []attempt{tcp("a1", "c2"), udp("a2", "c2"), tcp("a1", "a2"), tcp("a1", "outside")},
		open:   []attempt{tcp("a1", "b1"), tcp("a1", "b2"), udp("a2", "b1")},
	},
	{
		name:   "egress to one pod of a namespace",
		policy: egress(nil, to(podsIn("b", "b1"))),
		closed: []attempt{tcp("a1", "b2"), tcp("a2", "b2"), tcp("a1", "c2")},
		open:   []attempt{tcp("a1", "b1"), tcp("a2", "b1"), udp("a2", "b1")},
	},
	{
		name: "egress on a range of ports",
		policy: egress(nil, networkingv1.NetworkPolicyEgressRule{
			To: []peer{namespaces("b")}, Ports: []port{ports(corev1.ProtocolUDP, 8080, 8081)},
		}),
		closed: []attempt{udpAt("a1", "b1", 8082), udpAt("a1", "b2", 8082), tcp("a1", "b1")},
		open:   []attempt{udp("a1", "b1"), udpAt("a1", "b2", 8081), udpAt("a2", "b1", 8081)},
	},
}

// enforcement bounds how long a policy may take to hold, or to let go.
const enforcement = 30 * time.Second

func TestWalls(t *testing.T) {
	s := newStage(t)
	for _, w := range cases {
		t.Run(w.name, func(t *testing.T) { s.prove(t, w) })
	}
}

// TestServiceByName shows that names are answered and Services carried on both
// nodes: a wall that nothing could have reached anyway proves nothing.
func TestServiceByName(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("b"), Name: "b1"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"actor": "b1"},
			Ports: []corev1.ServicePort{
				{Name: "tcp", Protocol: corev1.ProtocolTCP, Port: 8080},
				{Name: "udp", Protocol: corev1.ProtocolUDP, Port: 8080},
			},
		},
	}
	if err := s.client.Create(ctx, service); err != nil {
		t.Fatalf("creating the Service: %v", err)
	}
	s.targets["service"] = target{address: fmt.Sprintf("b1.%s.svc.cluster.local", s.namespace("b")), greeting: "b1"}
	s.await(ctx, t, "by the Service's name", []attempt{tcp("a1", "service"), tcp("a2", "service"), udp("a1", "service"), udp("a2", "service")}, nil)
}

// prove shows that the policy, and nothing else, makes the difference.
func (s *stage) prove(t *testing.T, w wall) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*enforcement+patience)
	defer cancel()
	all := slices.Concat(w.open, w.closed)
	if wrong := s.differences(ctx, t, all, nil); wrong != "" {
		t.Fatalf("before the policy, all must pass:\n%s", wrong)
	}
	policy := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("a"), Name: "wall"},
		Spec:       w.policy,
	}
	if err := s.client.Create(ctx, policy); err != nil {
		t.Fatalf("creating the policy: %v", err)
	}
	s.await(ctx, t, "under the policy", w.open, w.closed)
	// What held once must hold: one attempt that gets through is a hole.
	if wrong := s.differences(ctx, t, w.open, w.closed); wrong != "" {
		t.Errorf("under the policy, after it held once:\n%s", wrong)
	}
	if err := s.client.Delete(ctx, policy); err != nil {
		t.Fatalf("deleting the policy: %v", err)
	}
	s.await(ctx, t, "after the policy", all, nil)
}

// await gives a change the time that it may take to reach every node.
func (s *stage) await(ctx context.Context, t *testing.T, when string, open, closed []attempt) {
	t.Helper()
	deadline := time.Now().Add(enforcement)
	for {
		wrong := s.differences(ctx, t, open, closed)
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s, for %s:\n%s", when, enforcement, wrong)
		}
	}
}

// differences tries everything at once and lists what is not as it should be.
func (s *stage) differences(ctx context.Context, t *testing.T, open, closed []attempt) string {
	t.Helper()
	var mu sync.Mutex
	var wrong []string
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	check := func(a attempt, want bool) {
		group.Go(func() error {
			reached, err := s.try(ctx, a)
			if err == nil && reached != want {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, fmt.Sprintf("  %s: reached %v, want %v", a, reached, want))
			}
			return err
		})
	}
	for _, a := range open {
		check(a, true)
	}
	for _, a := range closed {
		check(a, false)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(wrong, "\n")
}
