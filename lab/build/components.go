package build

import "github.com/partywall/partywall/lab/state"

// Component is one binary of the lab.
type Component struct {
	// Name is the binary's name.
	Name string
	// Dir is the folder, below the lab's sources, whose module pins it.
	Dir string
	// Package is what is compiled there.
	Package string
	// Tags are its build tags.
	Tags string
	// Kubernetes is set where the version of Kubernetes is to be linked in.
	Kubernetes bool
}

const (
	containerdTags = "no_btrfs,no_devmapper,no_zfs"
	containerdCmd  = "github.com/containerd/containerd/v2/cmd/"
	ciliumModule   = "github.com/cilium/cilium"
	kubernetes     = "k8s.io/kubernetes"
	istioModule    = "istio.io/istio"
)

// Components are the binaries of a lab of that profile.
func Components(profile state.Profile) []Component {
	if profile == state.Mesh {
		return append(ofEveryLab(), ofMesh()...)
	}
	return ofEveryLab()
}

// ofEveryLab are the longest to compile first.
func ofEveryLab() []Component {
	return []Component{
		{Name: "kubernetes", Dir: "components/kubernetes", Package: ".", Kubernetes: true},
		{Name: "cilium-agent", Dir: "components/cilium", Package: ciliumModule + "/daemon"},
		{Name: "cilium-cni", Dir: "components/cilium", Package: ciliumModule + "/plugins/cilium-cni"},
		{Name: "containerd", Dir: "components/containerd", Package: containerdCmd + "containerd", Tags: containerdTags},
		{Name: "containerd-shim-runc-v2", Dir: "components/containerd", Package: containerdCmd + "containerd-shim-runc-v2", Tags: containerdTags},
		{Name: "ctr", Dir: "components/containerd", Package: containerdCmd + "ctr", Tags: containerdTags},
		{Name: "etcd", Dir: "components/etcd", Package: "."},
		{Name: "coredns", Dir: "components/coredns", Package: "."},
		{Name: "pause", Dir: "pause", Package: "."},
		{Name: "prober", Dir: "prober", Package: "."},
	}
}

func ofMesh() []Component {
	return []Component{
		{Name: "pilot-discovery", Dir: "components/istio", Package: istioModule + "/pilot/cmd/pilot-discovery"},
		{Name: "pilot-agent", Dir: "components/istio", Package: istioModule + "/pilot/cmd/pilot-agent"},
		{Name: "istioctl", Dir: "components/istio", Package: istioModule + "/istioctl/cmd/istioctl"},
	}
}

// KubernetesNames are the components that the one Kubernetes binary acts as.
func KubernetesNames() []string {
	return []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"}
}
