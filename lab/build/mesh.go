package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/state"
)

// Archives are the image archives of a lab of that profile.
func Archives(lab state.Lab, profile state.Profile) []string {
	var archives []string
	for _, image := range images.Own() {
		archives = append(archives, lab.Share("images", image.Binary+".tar"))
	}
	if profile != state.Mesh {
		return archives
	}
	for _, image := range images.OfMesh() {
		archives = append(archives, lab.Share("images", image.Binary+".tar"))
	}
	return append(archives, proxyArchive(lab))
}

// MeshManifests is the file of the objects that Istio is made of.
func MeshManifests(lab state.Lab) string { return lab.Share("istio", "manifests.yaml") }

func proxyArchive(lab state.Lab) string { return lab.Share("images", "proxyv2.tar") }

// finishMesh makes what the mesh has beside its binaries: Envoy, the images and
// the manifests.
func (b Builder) finishMesh(ctx context.Context) error {
	if err := b.fetchEnvoy(ctx); err != nil {
		return fmt.Errorf("getting Envoy: %w", err)
	}
	if err := b.makeImages(images.OfMesh()); err != nil {
		return err
	}
	if err := b.makeProxyImage(ctx); err != nil {
		return fmt.Errorf("making image %s: %w", images.Proxy, err)
	}
	if err := b.renderMesh(ctx); err != nil {
		return fmt.Errorf("rendering Istio's manifests: %w", err)
	}
	return nil
}

// chartValues are what the lab's Istio is installed with. Stock Envoy has none of
// the filters that Istio adds to its own: the three switches that make istiod do
// without them are the telemetry and the two filters' below.
func chartValues() []string {
	return []string{
		"profile=minimal",
		"hub=" + images.Hub,
		"tag=" + images.Version,
		"values.global.imagePullPolicy=Never",
		"values.pilot.image=pilot",
		"values.global.proxy.image=proxyv2",
		"values.global.proxy_init.image=proxyv2",
		"values.telemetry.enabled=false",
		"values.pilot.env.PILOT_ENABLE_METADATA_EXCHANGE=false",
		"values.pilot.env.PILOT_ENABLE_ALPN_FILTER=false",
		"meshConfig.accessLogFile=/dev/stdout",
		// A ConfigMap that may or may not be there: mesh-wide settings can be
		// changed without touching what istioctl has rendered.
		"values.pilot.env.SHARED_MESH_CONFIG=mesh-defaults",
		"values.pilot.resources.requests.cpu=50m",
		"values.pilot.resources.requests.memory=128Mi",
		"values.global.proxy.resources.requests.cpu=5m",
		"values.global.proxy.resources.requests.memory=32Mi",
	}
}

// renderMesh lets the istioctl that was built fill in the charts that are inside it.
func (b Builder) renderMesh(ctx context.Context) error {
	stamp, err := os.ReadFile(b.Lab.Share("stamps", "istioctl"))
	if err != nil {
		return err
	}
	args := []string{"manifest", "generate"}
	for _, value := range chartValues() {
		args = append(args, "--set", value)
	}
	stamp = fmt.Append(stamp, args)
	stampFile, target := b.Lab.Share("stamps", "istio-manifests"), MeshManifests(b.Lab)
	if isStamped(stampFile, string(stamp)) && exists(target) {
		return nil
	}
	rendered, err := output(exec.CommandContext(ctx, b.Lab.Bin("istioctl"), args...))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target, []byte(rendered), 0o644); err != nil {
		return err
	}
	return os.WriteFile(stampFile, stamp, 0o644)
}
