package mesh

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/e2e-framework/klient/k8s"
)

// layer is a part of the baseline, put on top of those before it.
type layer struct {
	name string
	// objects are what it is made of.
	objects func(s *stage) []k8s.Object
}

// layers are tried with none of them first: what is closed before its wall is
// there proves nothing of the wall.
var layers = []layer{
	{"without the baseline", nil},
	{"identity and authorisation", func(s *stage) []k8s.Object {
		return slices.Concat(ofKinds(s.platform, "PeerAuthentication", "AuthorizationPolicy"), ofKinds(s.tenants, "AuthorizationPolicy"))
	}},
	{"discovery", func(s *stage) []k8s.Object {
		return slices.Concat(ofKinds(s.platform, "ConfigMap"), ofKinds(s.tenants, "Sidecar"))
	}},
	{"the network", func(s *stage) []k8s.Object { return ofKinds(s.tenants, "NetworkPolicy") }},
}

// attempt is one thing tried, with the outcomes that are right under each layer.
type attempt struct {
	name, from, how string
	// to is where, put together once the actors have addresses.
	to   func(s *stage) string
	want [4][]string
}

func service(name string, port int) func(*stage) string {
	return func(s *stage) string {
		return fmt.Sprintf("%s.%s.svc.cluster.local:%d", name, s.namespace(s.actors[name].namespace), port)
	}
}

func pod(name string, port int) func(*stage) string {
	return func(s *stage) string { return fmt.Sprintf("%s:%d", s.actors[name].ip, port) }
}

// either is any of these outcomes.
func either(words ...string) []string { return words }

const (
	answered = "200 a1"
	denied   = "403 RBAC: access denied"
	// unknown is what a proxy answers by itself of a host that it does not know.
	unknown = "502"
	// broken is what it answers where the other side hung up on it.
	broken = "503 upstream connect error or disconnect/reset before headers. reset reason: connection termination"
)

var attempts = []attempt{
	{"a tenant's own pod", "a2", "http", service("a1", 8080), [4][]string{either(answered), either(answered), either(answered), either(answered)}},
	{"another tenant's, by its sidecar", "b1", "http", service("a1", 8080), [4][]string{either(answered), either(denied), either(unknown, reset, closed), either(unknown, reset, closed)}},
	{"another tenant's, by address", "b1", "http", pod("a1", 8080), [4][]string{either(answered), either(reset, broken), either(unknown, reset, closed), either(unknown, reset, closed)}},
	{"without a sidecar", "bare", "http", service("a1", 8080), [4][]string{either(answered), either(reset), either(reset), either(silence)}},
	{"without a sidecar, by address", "bare", "http", pod("a1", 8080), [4][]string{either(answered), either(reset), either(reset), either(silence)}},
	{"without a sidecar, over UDP", "bare", "udp", pod("a1", 8080), [4][]string{either("a1 hello"), either("a1 hello"), either("a1 hello"), either(silence)}},
	{"without a sidecar, the proxy's health", "bare", "http", func(s *stage) string { return pod("a1", 15021)(s) + "/healthz/ready" }, [4][]string{either("200"), either("200"), either("200"), either(silence)}},
	// Authorisation looks at a TCP connection when its client says something: a
	// server that speaks first has answered before.
	{"a server that speaks first", "b1", "line", service("a1", 7070), [4][]string{either("a1"), either("a1"), either(reset, closed), either(reset, closed)}},
}

// enforcement bounds how long a layer may take to hold.
const enforcement = time.Minute

// TestBaseline puts the baseline up layer by layer. Between two layers, what
// changes is what the layer is for.
func TestBaseline(t *testing.T) {
	s := newStage(t)
	for i, l := range layers {
		t.Run(l.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), enforcement+patience)
			defer cancel()
			if l.objects != nil {
				s.apply(ctx, t, l.objects(s))
			}
			s.await(ctx, t, i)
			// What held once must hold.
			if wrong := s.differences(ctx, t, i); wrong != "" {
				t.Errorf("after it held once:\n%s", wrong)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// await gives a layer the time that it may take to reach every proxy and node.
func (s *stage) await(ctx context.Context, t *testing.T, layer int) {
	t.Helper()
	deadline := time.Now().Add(enforcement)
	for {
		wrong := s.differences(ctx, t, layer)
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("for %s:\n%s", enforcement, wrong)
		}
	}
}

// differences tries everything at once and lists what is not as it should be.
func (s *stage) differences(ctx context.Context, t *testing.T, layer int) string {
	t.Helper()
	var mu sync.Mutex
	var wrong []string
	group, ctx := errgroup.WithContext(ctx)
	for _, a := range attempts {
		group.Go(func() error {
			got, err := s.try(ctx, a.from, "connect", a.how, a.to(s))
			if err == nil && !slices.Contains(a.want[layer], got) {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, fmt.Sprintf("  %s (%s to %s): %q, want one of %q", a.name, a.how, a.to(s), got, a.want[layer]))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(wrong)
	return strings.Join(wrong, "\n")
}
