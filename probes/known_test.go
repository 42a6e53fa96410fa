package probes

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clusters are lines as Envoy 1.40 writes them, in a mesh of acme and globex.
const clusters = `xds-grpc::observability_name::xds-grpc
outbound|8080||web.acme.svc.cluster.local::observability_name::outbound|8080||web.acme.svc.cluster.local
outbound|8080||web.acme.svc.cluster.local::10.0.0.7:8080::cx_active::0
outbound|8080||web.acme.svc.cluster.local::10.0.0.7:8080::health_flags::healthy
outbound|8080||web.acme.svc.cluster.local::10.0.0.8:8080::health_flags::healthy
outbound|5432|v1|db.globex.svc.cluster.local::added_via_api::true
outbound|5432||db.globex.svc.cluster.local::added_via_api::true
outbound|80||api.globex.svc.cluster.local::added_via_api::true
outbound|443||globex.svc.example.com::added_via_api::true
inbound|8080||::127.0.0.6:0::health_flags::healthy
PassthroughCluster::added_via_api::true
`

// proxyOf serves a body as a pod's own proxy.
func proxyOf(t *testing.T, status int, body io.Reader) (*Source, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		assert.Equal(t, "GET /clusters", r.Method+" "+r.URL.Path)
		w.WriteHeader(status)
		io.Copy(w, body)
	}))
	t.Cleanup(s.Close)
	var port int
	_, err := fmt.Sscanf(strings.TrimPrefix(s.URL, "http://127.0.0.1:"), "%d", &port)
	require.NoError(t, err)
	return &Source{admin: port}, &asked
}

func knownOf(namespace string) Order {
	return Order{Do: DoKnown, Namespace: namespace, Own: "web.acme.svc", Nonce: "n", Deadline: Duration(patience)}
}

func TestWhatAProxyKnows(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string][]string{
		"globex":   {"api.globex.svc.cluster.local", "db.globex.svc.cluster.local"},
		"svc":      nil,
		"initech":  nil,
		"cluster":  nil,
		"acme-dev": nil,
	} {
		source, _ := proxyOf(t, 200, strings.NewReader(clusters))
		seen := source.Attempt(context.Background(), knownOf(namespace))
		assert.Equal(t, want, seen.Answers, namespace)
		assert.Equal(t, &ProxyView{Clusters: 5, Endpoints: 2}, seen.Proxy)
		outcome := Unresolved
		if want != nil {
			outcome = Reached
		}
		assert.Equal(t, outcome, Classify(seen, Silent), "%s: %+v", namespace, seen)
	}
}

// What a proxy cannot be asked, or has not heard of yet, is no denial.
func TestAProxyThatTellsNothing(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for name, tc := range map[string]struct {
		status int
		body   io.Reader
		says   string
	}{
		"it has not heard of its own pod's Service": {200, strings.NewReader("outbound|80||api.initech.svc.cluster.local::added_via_api::true\n"), "knows nothing of web.acme.svc"},
		"nothing":         {200, strings.NewReader(""), "knows nothing of web.acme.svc"},
		"a like name":     {200, strings.NewReader("outbound|80||web.acme.svcs.example::added_via_api::true\n"), "knows nothing of web.acme.svc"},
		"an error":        {503, strings.NewReader(clusters), "it answered 503"},
		"an endless line": {200, strings.NewReader(long), "token too long"},
	} {
		source, _ := proxyOf(t, tc.status, tc.body)
		seen := source.Attempt(context.Background(), knownOf("globex"))
		assert.Contains(t, seen.Error, tc.says, name)
		assert.Equal(t, Error, Classify(seen, Silent), "%s: %+v", name, seen)
	}
	for name, body := range map[string]string{
		"and nothing of its own": "outbound|80||api.globex.svc.cluster.local::added_via_api::true\n", "and more than can be read": clusters + long,
	} {
		source, _ := proxyOf(t, 200, strings.NewReader(body))
		assert.Equal(t, Reached, Classify(source.Attempt(context.Background(), knownOf("globex")), Silent), "what it told, it told: %s", name)
	}
	nobody := &Source{admin: closedPort(t, "tcp")}
	seen := nobody.Attempt(context.Background(), knownOf("globex"))
	assert.Contains(t, seen.Error, "connection refused")
	assert.Equal(t, Error, Classify(seen, Silent), "no refusal by the namespace that is asked about")
	for _, bad := range []Order{
		{Do: DoKnown, Namespace: "globex", Nonce: "n"}, {Do: DoKnown, Own: "web", Nonce: "n"}, {Do: DoKnown, Own: "web", Namespace: "a b", Nonce: "n"}, {Do: DoKnown, Own: "web", Namespace: "globex"},
	} {
		assert.Equal(t, Error, Classify(nobody.Attempt(context.Background(), bad), Silent), "%+v", bad)
	}
}

func TestABatchAsksItsProxyOnce(t *testing.T) {
	t.Parallel()
	source, asked := proxyOf(t, 200, strings.NewReader(clusters))
	batch := &names{}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			assert.Len(t, source.attempt(context.Background(), knownOf("globex"), batch).Answers, 2)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, asked.Load())
}

func TestAProxyThatKnowsTooMuchToRead(t *testing.T) {
	t.Parallel()
	lines := strings.Repeat("outbound|80||a.b.svc.cluster.local::added_via_api::true\n", 1000)
	var all []io.Reader
	for range maxClusters/len(lines) + 1 {
		all = append(all, strings.NewReader(lines))
	}
	k := readClusters(io.MultiReader(all...))
	assert.ErrorContains(t, k.err, "more than 64 MiB")
}
