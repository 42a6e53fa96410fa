package walls

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"

	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/outside"
	"github.com/partywall/partywall/lab/state"
)

// TestCanary shows that a question for the canary zone is witnessed whichever
// way it takes, and with whom it came from.
func TestCanary(t *testing.T) {
	s := newStage(t)
	a1, cluster, server := s.actors["a1"].ip, s.clusterDNS(t), net.JoinHostPort(outside.Resolver, "53")
	tests := []struct {
		name    string
		command func(canary string) []string
		service string
		from    string
	}{
		{"by the cluster DNS", func(c string) []string { return []string{"resolve", c} }, "dns udp", cluster},
		{"by the outside resolver, over UDP", func(c string) []string { return []string{"resolve", c, "udp", server} }, "dns udp", a1},
		{"by the outside resolver, over TCP", func(c string) []string { return []string{"resolve", c, "tcp", server} }, "dns tcp", a1},
		{"over HTTPS", func(c string) []string { return []string{"connect", "tls", outside.Resolver + dohPath(t, c)} }, "doh tcp", a1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			canary := newCanary()
			s.mustProbe(t, "a1", test.command(canary)...)
			asked := s.question(t, canary)
			if got := asked.Service + " " + asked.Protocol; got != test.service || asked.Type != "A" {
				t.Errorf("the question is recorded as %s of type %s, want %s of type A", got, asked.Type, test.service)
			}
			if !strings.HasPrefix(asked.From, test.from+":") {
				t.Errorf("the question is recorded as one of %s, want one of %s", asked.From, test.from)
			}
		})
	}
}

// TestSmuggling shows what a canary is for: a pod that reaches nothing but the
// cluster DNS still gets words out.
func TestSmuggling(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), enforcement+patience)
	defer cancel()
	policy := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("a"), Name: "wall"},
		Spec:       egress(nil, clusterDNS()),
	}
	if err := s.client.Create(ctx, policy); err != nil {
		t.Fatalf("creating the policy: %v", err)
	}
	s.await(ctx, t, "under the policy", nil, []attempt{tcpAt("a1", "outside", 80), {"a1", "resolver", "dns-udp", 53}, {"a1", "resolver", "dns-tcp", 53}})
	canary := newCanary()
	s.mustProbe(t, "a1", "resolve", canary)
	s.question(t, canary)
}

// TestVisits shows that hosts write down who came, by the pod's own address,
// and that the metadata service answers pods and nodes alike.
func TestVisits(t *testing.T) {
	s := newStage(t)
	const rolePath = "/latest/meta-data/iam/security-credentials/partywall-lab-node"
	word := fmt.Sprintf("/%x", time.Now().UnixNano())
	tests := []struct {
		name, actor string
		command     []string
		host        string
		request     string
	}{
		{"a credential", "a1", []string{"connect", "tcp", outside.Metadata + rolePath}, outside.Metadata + ":80", "GET " + rolePath},
		{"a path", "a2", []string{"connect", "tls", "files.outside.example" + word}, outside.Files + ":443", "GET " + word + " on files.outside.example"},
		{"a stream", "a1", []string{"connect", "line", outside.Web + ":4444"}, outside.Web + ":4444", "connection"},
		{"a datagram", "a2", []string{"connect", "udp", outside.Web + ":4444"}, outside.Web + ":4444", "datagram"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			since := s.read(t, outside.Visits, 0).Last
			s.mustProbe(t, test.actor, test.command...)
			s.assertVisit(t, since, test.host, s.actors[test.actor].ip, test.request)
		})
	}
	for _, node := range s.lab.Nodes() {
		t.Run("the metadata service, from "+node.Name, func(t *testing.T) { s.visitFromNode(t, node) })
	}
}

func (s *stage) visitFromNode(t *testing.T, node state.Node) {
	t.Helper()
	metadata := net.JoinHostPort(outside.Metadata, "80")
	since := s.read(t, outside.Visits, 0).Last
	conn, err := network.Dial(t.Context(), node.Netns, "tcp4", metadata)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.assertVisit(t, since, metadata, node.IP, "connection")
}

// newCanary is a name that nobody has asked for before.
func newCanary() string { return fmt.Sprintf("secret-%x.%s.", time.Now().UnixNano(), outside.Canary) }

// dohPath is where a question is asked over HTTPS.
func dohPath(t *testing.T, name string) string {
	t.Helper()
	packed, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	return "/dns-query?dns=" + base64.RawURLEncoding.EncodeToString(packed)
}

// clusterDNS is the address of the pod that asks for all others.
func (s *stage) clusterDNS(t *testing.T) string {
	t.Helper()
	var pods corev1.PodList
	err := s.client.WithNamespace(metav1.NamespaceSystem).List(t.Context(), &pods, resources.WithLabelSelector("k8s-app=kube-dns"))
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("looking for the pod of the cluster DNS: %d found, %v", len(pods.Items), err)
	}
	return pods.Items[0].Status.PodIP
}

func (s *stage) mustProbe(t *testing.T, name string, command ...string) {
	t.Helper()
	if _, reached, err := s.probe(t.Context(), name, command...); err != nil || !reached {
		t.Fatalf("%s of %s: reached %v, %v", strings.Join(command, " "), name, reached, err)
	}
}

func (s *stage) read(t *testing.T, half string, since uint64) outside.Page {
	t.Helper()
	page, err := outside.Read(t.Context(), s.lab, half, since)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// question is the one that was asked for a name. It was answered, so it is there.
func (s *stage) question(t *testing.T, name string) outside.Entry {
	t.Helper()
	var found []outside.Entry
	for _, e := range s.read(t, outside.Questions, 0).Entries {
		if e.Name == name {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		t.Fatalf("nobody witnessed the question for %s", name)
	}
	return found[0]
}

// assertVisit waits a moment: a connection is there for its client before the
// host has accepted it.
func (s *stage) assertVisit(t *testing.T, since uint64, host, from, request string) {
	t.Helper()
	var page outside.Page
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		page = s.read(t, outside.Visits, since)
		for _, e := range page.Entries {
			if e.Host == host && strings.HasPrefix(e.From, from+":") && strings.HasPrefix(e.Request, request) {
				return
			}
		}
	}
	t.Errorf("no visit of %s at %s with %q among %+v", from, host, request, page.Entries)
}
