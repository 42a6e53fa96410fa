package walls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/util/exec"

	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/outside"
)

// attempt is one thing tried: from is an actor or an outside host, to a target.
// The protocol is one of the prober's, or dns-udp and dns-tcp for a question to
// the target.
type attempt struct {
	from, to, protocol string
	port               int
}

func (a attempt) String() string {
	return fmt.Sprintf("%s -> %s %s/%d", a.from, a.to, a.protocol, a.port)
}

// outsiders are the hosts that belong to no cluster.
var outsiders = map[string]string{"outside": outside.Web, "outside-other": outside.Other, "files": outside.Files, "resolver": outside.Resolver}

// outsideTargets are the outside's hosts by address and by name.
func outsideTargets() map[string]target {
	targets := map[string]target{
		"metadata":         {address: outside.Metadata, greeting: "latest"},
		"metadata-by-name": {address: "metadata.google.internal", greeting: "latest"},
		"outside-by-name":  {address: "web.outside.example", greeting: greeting(outside.Web)},
		"files-by-name":    {address: "files.outside.example", greeting: greeting(outside.Files)},
	}
	for name, address := range outsiders {
		targets[name] = target{address: address, greeting: greeting(address)}
	}
	return targets
}

func greeting(address string) string { return "outside " + address + ":" }

// try reports whether the genuine target answered. Its error is one of the test
// itself: a denial is no error.
func (s *stage) try(ctx context.Context, a attempt) (reached bool, err error) {
	to := s.targets[a.to]
	address := net.JoinHostPort(to.address, fmt.Sprint(a.port)) + to.path
	command := []string{"connect", a.protocol, address}
	if transport, ok := strings.CutPrefix(a.protocol, "dns-"); ok {
		command, to.greeting = []string{"resolve", "web.outside.example.", transport, address}, outside.Web
	}
	var answer string
	if source, ok := outsiders[a.from]; ok {
		answer, reached, err = s.tryFromOutside(ctx, source, address)
	} else {
		answer, reached, err = s.probe(ctx, a.from, command...)
	}
	if err == nil && reached && !strings.HasPrefix(answer, to.greeting) {
		return false, fmt.Errorf("%s was answered by somebody else: %q", a, answer)
	}
	return reached, err
}

// probe runs the prober in an actor's pod and returns what it was answered.
func (s *stage) probe(ctx context.Context, name string, command ...string) (answer string, reached bool, err error) {
	var stdout, stderr bytes.Buffer
	from := s.actors[name]
	err = s.client.ExecInPod(ctx, s.namespace(from.namespace), name, "prober", append([]string{"/prober"}, command...), &stdout, &stderr)
	var exit exec.ExitError
	if errors.As(err, &exit) && exit.ExitStatus() == 1 {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("running the prober in %s: %w: %s", name, err, stderr.String())
	}
	return stdout.String(), true, nil
}

// tryFromOutside connects, from inside the lab's outer network namespace, with
// an outside host's address.
func (s *stage) tryFromOutside(ctx context.Context, source, address string) (string, bool, error) {
	dialer := &net.Dialer{Timeout: 2 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, proto, address string) (conn net.Conn, err error) {
			err = network.Inside(s.lab.Netns(), func() error {
				conn, err = dialer.DialContext(ctx, "tcp4", address)
				return err
			})
			return conn, err
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
	if err != nil {
		return "", false, err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", false, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	return string(body), err == nil, nil
}
