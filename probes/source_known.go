package probes

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// PortAdmin is where Istio's proxy serves its administration, to its own pod
// alone.
const PortAdmin = 15000

const (
	maxKnown     = 16       // names that an answer has
	maxKnownName = 255      // bytes of one
	maxClusters  = 64 << 20 // bytes that are read of what a proxy knows
)

// ProxyView is how much a pod's own proxy knows.
type ProxyView struct {
	Clusters  int `json:"clusters"`  // that traffic may be sent to
	Endpoints int `json:"endpoints"` // of all of them
}

// knowledge is what a pod's own proxy was told of the mesh: the hosts that it has
// clusters for, as Istio names them (outbound|PORT|SUBSET|HOST).
type knowledge struct {
	view  ProxyView
	hosts []string // sorted, each once
	err   error
}

// known asks the pod's own proxy, and nobody else's, what it knows of a namespace.
// A proxy that does not know the pod's own Service yet has not heard of others
// either.
func (a *attempt) known(ctx context.Context) {
	a.seen.Phase = PhaseRead
	k := a.names.proxy(func() *knowledge { return a.source.askProxy(ctx) })
	a.seen.Answers = k.of(a.order.Namespace)
	if k.err != nil && len(a.seen.Answers) == 0 {
		a.seen.Error = clip("asking the pod's own proxy what it knows: "+k.err.Error(), 256)
		return
	}
	a.seen.Proxy = &k.view
	if len(a.seen.Answers) == 0 && !k.has(a.order.Own) {
		a.seen.Error = clip(fmt.Sprintf("the pod's own proxy knows nothing of %s, so that what else it does not know shows nothing", a.order.Own), 256)
		return
	}
	a.seen.Phase = PhaseDone
}

// of are the first few Services of a namespace, also where not all was read.
func (k *knowledge) of(namespace string) (names []string) {
	for _, host := range k.hosts {
		if inNamespace(host, namespace) && len(names) < maxKnown {
			names = append(names, clip(host, maxKnownName))
		}
	}
	return names
}

// has says that a Service is among them, by its name without the cluster's domain.
func (k *knowledge) has(service string) bool {
	return slices.ContainsFunc(k.hosts, func(host string) bool { return host == service || strings.HasPrefix(host, service+".") })
}

// inNamespace says that a host is a Service's of a namespace, by its name:
// SERVICE.NAMESPACE.svc and the cluster's domain.
func inNamespace(host, namespace string) bool {
	labels := strings.SplitN(host, ".", 4)
	return len(labels) >= 3 && labels[1] == namespace && labels[2] == "svc"
}

// askProxy reads the clusters of the pod's own proxy.
func (s *Source) askProxy(ctx context.Context) *knowledge {
	port := PortAdmin
	if s.admin != 0 {
		port = s.admin
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialLoopback}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:"+strconv.Itoa(port)+"/clusters", http.NoBody)
	if err != nil {
		return &knowledge{err: err}
	}
	resp, err := client.Do(req)
	if err != nil {
		return &knowledge{err: err}
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		return &knowledge{err: fmt.Errorf("it answered %s", resp.Status)}
	}
	return readClusters(resp.Body)
}

// dialLoopback connects to the pod itself, whatever its address is called, by the
// family that it has.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		return conn, nil
	}
	if by6, err := d.DialContext(ctx, network, net.JoinHostPort("::1", port)); err == nil {
		return by6, nil
	}
	return nil, err
}

// readClusters reads what Envoy says of its clusters: lines of a cluster's name,
// in most an endpoint's address, and a figure, with :: between.
func readClusters(body io.Reader) *knowledge {
	limited := &io.LimitedReader{R: body, N: maxClusters}
	clusters, endpoints, hosts := map[string]bool{}, map[string]bool{}, map[string]bool{}
	lines := bufio.NewScanner(limited)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), "::")
		parts := strings.Split(name, "|")
		if len(parts) != 4 || parts[0] != "outbound" {
			continue
		}
		clusters[name], hosts[parts[3]] = true, true
		if address, _, ok := strings.Cut(rest, "::"); ok && strings.HasSuffix(rest, "::health_flags::healthy") {
			endpoints[name+" "+address] = true
		}
	}
	k := &knowledge{view: ProxyView{Clusters: len(clusters), Endpoints: len(endpoints)}, err: lines.Err()}
	if k.err == nil && limited.N == 0 {
		k.err = fmt.Errorf("it knows more than %d MiB of clusters", maxClusters>>20)
	}
	for host := range hosts {
		k.hosts = append(k.hosts, host)
	}
	slices.Sort(k.hosts)
	return k
}

// told is what a proxy said to the attempts of a batch, which ask for the same at
// the same time.
type told struct {
	mu sync.Mutex
	at time.Time
	of *knowledge
}

// proxy is ask's answer, or that to another attempt of the batch. A failure is
// nobody's but who met it.
func (n *names) proxy(ask func() *knowledge) *knowledge {
	n.told.mu.Lock()
	defer n.told.mu.Unlock()
	if n.told.of == nil || n.told.of.err != nil || time.Since(n.told.at) >= fresh {
		n.told.of, n.told.at = ask(), time.Now()
	}
	return n.told.of
}
