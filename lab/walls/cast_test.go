package walls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/exec"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"
	"sigs.k8s.io/e2e-framework/klient/wait/conditions"

	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/state"
)

// actor is a pod of the prober.
type actor struct {
	namespace, name, node string
	ip                    string
}

// stage is a lab with actors on it: three namespaces, both nodes.
type stage struct {
	lab    state.Lab
	client *resources.Resources
	// prefix makes the namespaces of this run its own.
	prefix string
	actors map[string]*actor
}

// patience bounds every wait.
const patience = 90 * time.Second

// newStage puts the actors up and takes them away when the test is over.
func newStage(t *testing.T) *stage {
	t.Helper()
	kubeconfig := os.Getenv("PARTYWALL_KUBECONFIG")
	if kubeconfig == "" {
		if os.Getenv("PARTYWALL_E2E") == "required" {
			t.Fatal("PARTYWALL_E2E=required, but PARTYWALL_KUBECONFIG names no lab")
		}
		t.Skip("PARTYWALL_KUBECONFIG is not set: start a lab (make lab-up) and run make lab-test")
	}
	name := os.Getenv("PARTYWALL_LAB")
	if name == "" {
		name = "default"
	}
	lab, err := state.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := resources.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{lab: lab, client: client, prefix: fmt.Sprintf("walls-%x-", time.Now().UnixNano()&0xffffff), actors: map[string]*actor{}}
	for _, a := range []actor{{"a", "a1", "node1", ""}, {"a", "a2", "node2", ""}, {"b", "b1", "node1", ""}, {"b", "b2", "node2", ""}, {"c", "c2", "node2", ""}} {
		s.actors[a.name] = &a
	}
	t.Cleanup(func() { s.strike(t) })
	s.enter(t)
	return s
}

func (s *stage) namespace(short string) string { return s.prefix + short }

// enter creates the namespaces and the actors and waits until they are ready.
func (s *stage) enter(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, short := range []string{"a", "b", "c"} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: s.namespace(short),
			Labels: map[string]string{
				"walls":                              short,
				"pod-security.kubernetes.io/enforce": "restricted",
			},
		}}
		if err := s.client.Create(ctx, namespace); err != nil {
			t.Fatalf("creating namespace %s: %v", short, err)
		}
	}
	var group errgroup.Group
	for _, a := range s.actors {
		group.Go(func() error { return s.add(ctx, a) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) add(ctx context.Context, a *actor) error {
	pod := s.pod(a)
	if err := s.client.Create(ctx, pod); err != nil {
		return fmt.Errorf("creating %s: %w", a.name, err)
	}
	ready := conditions.New(s.client).PodReady(pod)
	if err := wait.For(ready, wait.WithContext(ctx), wait.WithTimeout(patience), wait.WithInterval(200*time.Millisecond)); err != nil {
		return fmt.Errorf("waiting for %s: %w", a.name, err)
	}
	if err := s.client.Get(ctx, pod.Name, pod.Namespace, pod); err != nil {
		return fmt.Errorf("looking at %s: %w", a.name, err)
	}
	a.ip = pod.Status.PodIP
	return nil
}

func (s *stage) pod(a *actor) *corev1.Pod {
	yes, no := true, false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(a.namespace), Name: a.name, Labels: map[string]string{"actor": a.name}},
		Spec: corev1.PodSpec{
			NodeSelector:                  map[string]string{corev1.LabelHostname: a.node},
			AutomountServiceAccountToken:  &no,
			TerminationGracePeriodSeconds: new(int64),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   &yes,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "prober", Image: images.Prober, ImagePullPolicy: corev1.PullNever, Args: []string{"serve", a.name},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

// strike removes the namespaces and waits until they are gone.
func (s *stage) strike(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	var group errgroup.Group
	for _, short := range []string{"a", "b", "c"} {
		group.Go(func() error { return s.remove(ctx, s.namespace(short)) })
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func (s *stage) remove(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := s.client.Delete(ctx, namespace); err != nil {
		return fmt.Errorf("deleting namespace %s: %w", name, err)
	}
	gone := conditions.New(s.client).ResourceDeleted(namespace)
	if err := wait.For(gone, wait.WithContext(ctx), wait.WithTimeout(patience), wait.WithInterval(200*time.Millisecond)); err != nil {
		return fmt.Errorf("waiting for the end of namespace %s: %w", name, err)
	}
	return nil
}

// attempt is one thing tried: from and to are actors or outside hosts.
type attempt struct {
	from, to, protocol string
	port               int
}

func (a attempt) String() string {
	return fmt.Sprintf("%s -> %s %s/%d", a.from, a.to, a.protocol, a.port)
}

// outside are the hosts that belong to no cluster.
var outside = map[string]string{"outside": network.Outside, "outside-other": network.OutsideOther}

// try reports whether the genuine target answered. Its error is one of the test
// itself: a denial is no error.
func (s *stage) try(ctx context.Context, a attempt) (reached bool, err error) {
	address, greeting := outside[a.to], "outside "+outside[a.to]+":"
	if target, ok := s.actors[a.to]; ok {
		address, greeting = target.ip, target.name
	}
	address = net.JoinHostPort(address, fmt.Sprint(a.port))
	var answer string
	if source, ok := outside[a.from]; ok {
		answer, reached, err = s.tryFromOutside(ctx, source, address)
	} else {
		answer, reached, err = s.tryFromPod(ctx, s.actors[a.from], a.protocol, address)
	}
	if err == nil && reached && !strings.HasPrefix(answer, greeting) {
		return false, fmt.Errorf("%s was answered by somebody else: %q", a, answer)
	}
	return reached, err
}

func (s *stage) tryFromPod(ctx context.Context, from *actor, protocol, address string) (string, bool, error) {
	var stdout, stderr bytes.Buffer
	command := []string{"/prober", "connect", protocol, address}
	err := s.client.ExecInPod(ctx, s.namespace(from.namespace), from.name, "prober", command, &stdout, &stderr)
	var exit exec.ExitError
	if errors.As(err, &exit) && exit.ExitStatus() == 1 {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("running the prober in %s: %w: %s", from.name, err, stderr.String())
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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
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
