package tenancy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// proxies are the containers by which known meshes show that they injected
// themselves.
var proxies = []string{"istio-proxy", "linkerd-proxy"}

// IsProxy says that a container is a mesh's.
func IsProxy(c corev1.Container) bool { return slices.Contains(proxies, c.Name) }

func isIstios(c corev1.Container) bool { return c.Name == "istio-proxy" }

// isGateway says that a pod is nothing but a proxy.
func isGateway(pod corev1.Pod) bool {
	return !slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return !IsProxy(c) })
}

// HasProxy says that Istio put its proxy beside what a pod is for.
func HasProxy(pod corev1.Pod) bool {
	return !isGateway(pod) && slices.ContainsFunc(slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers), isIstios)
}

// Meshed says that any mesh put its proxy into a pod.
func Meshed(pod corev1.Pod) bool {
	return slices.ContainsFunc(slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers), IsProxy)
}

// meshed says that pods of a namespace get a mesh's proxy: those that it has do,
// or, where it has none, its labels ask Istio for it
// (istio.io/latest/docs/setup/additional-setup/sidecar-injection).
func meshed(pods []corev1.Pod, labels map[string]string) bool {
	workloads := 0
	for _, pod := range pods {
		if partywalls(pod.Labels) || isGateway(pod) || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		if HasProxy(pod) {
			return true
		}
		workloads++
	}
	return workloads == 0 && labels["istio-injection"] != "disabled" && (labels["istio-injection"] == "enabled" || labels["istio.io/rev"] != "")
}

func parseLayer(s string) (Layer, error) {
	return Layer(s), oneOf("layer", string(NetworkLayer), string(MeshLayer))(s)
}
