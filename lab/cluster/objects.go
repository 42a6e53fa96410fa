package cluster

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiwait "k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/e2e-framework/klient/decoder"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"
	"sigs.k8s.io/e2e-framework/klient/wait/conditions"

	"github.com/partywall/partywall/lab/manifests"
	"github.com/partywall/partywall/lab/state"
)

// awaitAPI waits until the API server says that it is ready.
func awaitAPI(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	err = poll(ctx, func() bool {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the API server: %w", err)
	}
	return nil
}

// createObjects creates the nodes, Cilium's kinds, the cluster DNS and what the
// profile adds.
func (c *Cluster) createObjects(ctx context.Context, config *rest.Config) error {
	r, err := resources.New(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	objects, err := c.objects(ctx)
	if err != nil {
		return err
	}
	if err := create(ctx, r, objects); err != nil || c.profile != state.Mesh {
		return err
	}
	return c.createMesh(ctx, r)
}

// create creates objects that do not need each other.
func create(ctx context.Context, r *resources.Resources, objects []k8s.Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, object := range objects {
		group.Go(func() error {
			if err := r.Create(ctx, object); err != nil {
				return fmt.Errorf("creating %s: %w", object.GetName(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *Cluster) objects(ctx context.Context) ([]k8s.Object, error) {
	var objects []k8s.Object
	for _, node := range c.lab.Nodes() {
		objects = append(objects, nodeObject(node))
	}
	sources := []struct {
		files   fs.FS
		pattern string
	}{
		{os.DirFS(c.lab.Share("cilium", "crds")), "*/*.yaml"},
		{manifests.Files, "*.yaml"},
	}
	for _, source := range sources {
		decoded, err := decoder.DecodeAllFiles(ctx, source.files, source.pattern)
		if err != nil {
			return nil, fmt.Errorf("reading the lab's manifests: %w", err)
		}
		objects = append(objects, decoded...)
	}
	return objects, nil
}

// nodeObject is created before its kubelet starts: so each node's pods have
// addresses that are known beforehand, and routes to them exist from the start.
func nodeObject(node state.Node) *corev1.Node {
	cidrs := []string{node.PodCIDR}
	if node.PodCIDRv6 != "" {
		cidrs = append(cidrs, node.PodCIDRv6)
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: map[string]string{corev1.LabelHostname: node.Name}},
		Spec:       corev1.NodeSpec{PodCIDR: node.PodCIDR, PodCIDRs: cidrs},
	}
}

// awaitReady waits until both nodes take pods, names are answered, and what the
// profile adds is there.
func (c *Cluster) awaitReady(ctx context.Context, config *rest.Config) error {
	r, err := resources.New(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	ready := conditions.New(r).ResourceListMatchN(&corev1.NodeList{}, len(c.lab.Nodes()), isReady)
	if err := c.await(ctx, ready); err != nil {
		return fmt.Errorf("waiting for the nodes: %w", err)
	}
	c.progress("both nodes are Ready")
	dns := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "coredns", Namespace: metav1.NamespaceSystem}}
	if err := c.await(ctx, conditions.New(r).ResourceMatch(dns, isAvailable)); err != nil {
		return fmt.Errorf("waiting for CoreDNS: %w", err)
	}
	c.progress("CoreDNS is ready")
	if c.profile != state.Mesh {
		return nil
	}
	return c.awaitMesh(ctx, r)
}

// await waits for a condition within the time of the start.
func (c *Cluster) await(ctx context.Context, condition apiwait.ConditionWithContextFunc) error {
	return wait.For(condition, wait.WithContext(ctx), wait.WithTimeout(startLimit), wait.WithInterval(pollEvery), wait.WithImmediate())
}

func isReady(object k8s.Object) bool {
	node, ok := object.(*corev1.Node)
	if !ok {
		return false
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func isAvailable(object k8s.Object) bool {
	deployment, ok := object.(*appsv1.Deployment)
	return ok && deployment.Status.AvailableReplicas > 0
}
