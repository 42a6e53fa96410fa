package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/exec"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"
	"sigs.k8s.io/e2e-framework/klient/wait/conditions"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/objects"
	"github.com/partywall/partywall/lab/state"
)

// patience bounds every wait.
const patience = 2 * time.Minute

// baseline is the example that users are shipped.
const baseline = "../../examples/tenant-baseline"

// actor is a pod of the prober, with a Service of its name.
type actor struct {
	namespace, name, node string
	// bare is one without a sidecar.
	bare bool
	ip   string
}

// stage is a lab with two tenants on it: a, with a1 and a2, and b.
type stage struct {
	lab    state.Lab
	client *resources.Resources
	// prefix makes the namespaces of this run its own.
	prefix string
	actors map[string]*actor
	// platform and tenants are the objects of the baseline by what they are of.
	platform, tenants []k8s.Object
}

// newStage puts the actors up, with nothing of the baseline but the namespaces,
// and takes everything away when the test is over.
func newStage(t *testing.T) *stage {
	t.Helper()
	lab := meshLab(t)
	config, err := clientcmd.BuildConfigFromFlags("", lab.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := resources.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{lab: lab, client: client, prefix: fmt.Sprintf("mesh-%x-", time.Now().UnixNano()&0xffffff), actors: map[string]*actor{}}
	for _, a := range []actor{
		{namespace: "a", name: "a1", node: "node1"}, {namespace: "a", name: "a2", node: "node2"},
		{namespace: "b", name: "b1", node: "node2"}, {namespace: "b", name: "bare", node: "node2", bare: true},
	} {
		s.actors[a.name] = &a
	}
	s.readBaseline(t)
	s.refuseWalls(t)
	t.Cleanup(func() { s.strike(t) })
	s.enter(t)
	return s
}

// meshLab is the lab that the tests are to run on.
func meshLab(t *testing.T) state.Lab {
	t.Helper()
	if os.Getenv("PARTYWALL_E2E") == "" {
		t.Skip("PARTYWALL_E2E is not set: start a lab (make lab-up PROFILE=mesh) and run make lab-test PROFILE=mesh")
	}
	lab, err := state.Open(os.Getenv("PARTYWALL_LAB"))
	if err != nil {
		t.Fatal(err)
	}
	record, ok, err := lab.Load()
	if err != nil || !ok || !record.Ready || record.Profile != state.Mesh {
		t.Fatalf("lab %s is not up with the profile mesh: %+v, %v", lab.Name, record, err)
	}
	return lab
}

func (s *stage) namespace(short string) string { return s.prefix + short }

// readBaseline reads the example for namespaces that are this run's own, in the
// way in which a user would add a tenant.
func (s *stage) readBaseline(t *testing.T) {
	t.Helper()
	files := filesys.MakeFsInMemory()
	copyFolder(t, files, baseline, "/")
	overlay, err := os.ReadFile(filepath.Join(baseline, "acme", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, short := range []string{"a", "b"} {
		folder := "/" + s.namespace(short)
		content := strings.Replace(string(overlay), "namespace: acme", "namespace: "+s.namespace(short), 1)
		if err := files.WriteFile(folder+"/kustomization.yaml", []byte(content)); err != nil {
			t.Fatal(err)
		}
		s.tenants = append(s.tenants, build(t, files, folder)...)
	}
	s.platform = build(t, files, "/platform")
}

// refuseWalls stops where the mesh has walls that are not this test's: they
// would close what ought to be open, and be taken away at the end.
func (s *stage) refuseWalls(t *testing.T) {
	t.Helper()
	for _, object := range s.platform {
		now := object.DeepCopyObject().(k8s.Object)
		err := s.client.Get(t.Context(), object.GetName(), object.GetNamespace(), now)
		if !apierrors.IsNotFound(err) {
			t.Fatalf("lab %s has a %s already (%v): the demo was on it, so use another lab, or take this one down and up again", s.lab.Name, object.GetName(), err)
		}
	}
}

func build(t *testing.T, files filesys.FileSystem, folder string) []k8s.Object {
	t.Helper()
	built, err := objects.Build(t.Context(), files, folder)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func copyFolder(t *testing.T, files filesys.FileSystem, from, to string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(from, "*", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("the baseline's files: %v, %v", paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := files.WriteFile(filepath.Join(to, relative), data); err != nil {
			t.Fatal(err)
		}
	}
}

// enter creates the namespaces and the actors and waits until they are ready.
func (s *stage) enter(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.apply(ctx, t, ofKinds(s.tenants, "Namespace"))
	var group errgroup.Group
	for _, a := range s.actors {
		group.Go(func() error { return s.add(ctx, a) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) apply(ctx context.Context, t *testing.T, list []k8s.Object) {
	t.Helper()
	if len(list) == 0 {
		t.Fatal("the baseline has nothing of the kinds to apply")
	}
	if err := objects.Apply(ctx, s.client, list); err != nil {
		t.Fatal(err)
	}
}

// ofKinds are the objects of those kinds.
func ofKinds(list []k8s.Object, kinds ...string) []k8s.Object {
	var found []k8s.Object
	for _, object := range list {
		if slices.Contains(kinds, object.GetObjectKind().GroupVersionKind().Kind) {
			found = append(found, object)
		}
	}
	return found
}

func (s *stage) add(ctx context.Context, a *actor) error {
	pod := s.pod(a)
	for _, object := range []k8s.Object{s.service(a), pod} {
		if err := s.client.Create(ctx, object); err != nil {
			return fmt.Errorf("creating %T %s: %w", object, a.name, err)
		}
	}
	ready := conditions.New(s.client).PodReady(pod)
	if err := wait.For(ready, wait.WithContext(ctx), wait.WithTimeout(patience), wait.WithInterval(200*time.Millisecond)); err != nil {
		return fmt.Errorf("waiting for %s: %w", a.name, err)
	}
	if err := s.client.Get(ctx, pod.Name, pod.Namespace, pod); err != nil {
		return fmt.Errorf("looking at %s: %w", a.name, err)
	}
	if got := hasSidecar(pod); got == a.bare {
		return fmt.Errorf("%s has a sidecar: %v, want %v", a.name, got, !a.bare)
	}
	a.ip = pod.Status.PodIP
	return nil
}

func hasSidecar(pod *corev1.Pod) bool {
	return slices.ContainsFunc(slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers), func(c corev1.Container) bool { return c.Name == "istio-proxy" })
}

func (s *stage) pod(a *actor) *corev1.Pod {
	labels := map[string]string{"actor": a.name}
	if a.bare {
		labels["sidecar.istio.io/inject"] = "false"
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(a.namespace), Name: a.name, Labels: labels},
		Spec: corev1.PodSpec{
			NodeSelector:                  map[string]string{corev1.LabelHostname: a.node},
			TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{
				Name: "prober", Image: images.Prober, ImagePullPolicy: corev1.PullNever, Args: []string{"serve", a.name},
			}},
		},
	}
}

func (s *stage) service(a *actor) *corev1.Service {
	port := func(name string, number int32, protocol corev1.Protocol) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Port: number, TargetPort: intstr.FromInt32(number), Protocol: protocol}
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(a.namespace), Name: a.name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"actor": a.name},
			Ports:    []corev1.ServicePort{port("http", 8080, corev1.ProtocolTCP), port("tcp-greeting", 7070, corev1.ProtocolTCP)},
		},
	}
}

// strike removes what the stage has made and waits until it is gone.
func (s *stage) strike(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	var group errgroup.Group
	for _, object := range slices.Concat(s.platform, ofKinds(s.tenants, "Namespace")) {
		group.Go(func() error { return s.remove(ctx, object) })
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func (s *stage) remove(ctx context.Context, object k8s.Object) error {
	// What a test that ended early has not made cannot be deleted.
	if err := s.client.Delete(ctx, object); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("deleting %s: %w", object.GetName(), err)
	}
	gone := conditions.New(s.client).ResourceDeleted(object)
	if err := wait.For(gone, wait.WithContext(ctx), wait.WithTimeout(patience), wait.WithInterval(200*time.Millisecond)); err != nil {
		return fmt.Errorf("waiting for the end of %s: %w", object.GetName(), err)
	}
	return nil
}

// try runs the prober in an actor's pod and says in words what came of it.
func (s *stage) try(ctx context.Context, from string, command ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	source := s.actors[from]
	err := s.client.ExecInPod(ctx, s.namespace(source.namespace), from, "prober", append([]string{"/prober"}, command...), &stdout, &stderr)
	var exit exec.ExitError
	switch {
	case err == nil:
		return firstLine(stdout.String()), nil
	case errors.As(err, &exit) && exit.ExitStatus() == 1:
		return failure(stderr.String()), nil
	}
	return "", fmt.Errorf("running the prober in %s: %w: %s", from, err, stderr.String())
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(line)
}

// The words for attempts that nobody answered.
const (
	reset   = "reset"
	closed  = "closed"
	silence = "silence"
)

// failure tells a connection that was reset from one that was closed and from
// one on which nothing came.
func failure(text string) string {
	for part, word := range map[string]string{
		"connection reset by peer": reset, "EOF": closed,
		"i/o timeout": silence, "deadline exceeded": silence,
	} {
		if strings.Contains(text, part) {
			return word
		}
	}
	return strings.TrimSpace(text)
}
