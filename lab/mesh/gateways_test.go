package mesh

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"text/template"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/e2e-framework/klient/decoder"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"

	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/objects"
)

const sharedNamespace = "istio-ingress"

// TestGateways shows that, with all of the baseline up, a tenant is reached from
// outside the cluster by its own gateway and by the shared one, and by no other.
func TestGateways(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	shared, err := objects.Read(ctx, baseline+"/shared-gateway")
	if err != nil {
		t.Fatal(err)
	}
	s.platform = append(s.platform, shared...)
	s.apply(ctx, t, s.platform)
	s.apply(ctx, t, s.tenants)
	s.apply(ctx, t, s.routes(ctx, t))
	tests := []struct{ name, namespace, host, want string }{
		{"its own", s.namespace("a"), "own.example", "200 a1"},
		{"the shared one", sharedNamespace, "shared.example", "200 a1"},
		{"another tenant's", s.namespace("b"), "own.example", "404"},
		{"another tenant's, by the shared host", s.namespace("b"), "shared.example", "404"},
		{"the shared one, for a host that it does not have", sharedNamespace, "other.example", "404"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := s.gatewayAddress(ctx, t, test.namespace)
			var got string
			for deadline := time.Now().Add(enforcement); got != test.want && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
				got = s.visit(ctx, address, test.host)
			}
			if got != test.want {
				t.Errorf("%s at %s: %q, want %q", test.host, address, got, test.want)
			}
		})
	}
}

// routes lead from both gateways to a1.
func (s *stage) routes(ctx context.Context, t *testing.T) []k8s.Object {
	t.Helper()
	data, err := os.ReadFile("testdata/routes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := template.New("routes").Parse(string(data))
	if err != nil {
		t.Fatal(err)
	}
	var filled bytes.Buffer
	if err := parsed.Execute(&filled, map[string]string{"Tenant": s.namespace("a"), "Shared": sharedNamespace}); err != nil {
		t.Fatal(err)
	}
	decoded, err := decoder.DecodeAll(ctx, &filled)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// gatewayAddress is where a namespace's gateway listens, past its Service: the
// outside knows addresses of pods alone.
func (s *stage) gatewayAddress(ctx context.Context, t *testing.T, namespace string) string {
	t.Helper()
	var pods corev1.PodList
	err := s.client.WithNamespace(namespace).List(ctx, &pods, resources.WithLabelSelector("gateway=ingress"))
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("looking for the gateway of %s: %d found, %v", namespace, len(pods.Items), err)
	}
	return net.JoinHostPort(pods.Items[0].Status.PodIP, "8080")
}

// visit asks from outside the cluster and says in words what came of it.
func (s *stage) visit(ctx context.Context, address, host string) string {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return network.Dial(ctx, s.lab.Netns(), "tcp4", address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
	if err != nil {
		return err.Error()
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		return failure(err.Error())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return failure(err.Error())
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, body))
}
