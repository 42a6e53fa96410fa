package walls

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"
	"sigs.k8s.io/e2e-framework/klient/wait/conditions"

	"github.com/partywall/partywall/lab/images"
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
	// targets are the actors and everything else that an attempt can name.
	targets map[string]target
}

// target is where somebody answers, and how the genuine one begins to. A path is
// for those that say nothing of themselves on /.
type target struct{ address, greeting, path string }

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
	s := &stage{lab: lab, client: client, prefix: fmt.Sprintf("walls-%x-", time.Now().UnixNano()&0xffffff), actors: map[string]*actor{}, targets: outsideTargets()}
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
	for _, a := range s.actors {
		s.targets[a.name] = target{address: a.ip, greeting: a.name}
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
