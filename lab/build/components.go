package build

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
)

// Components are the binaries of the lab, the longest to compile first.
func Components() []Component {
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

// KubernetesNames are the components that the one Kubernetes binary acts as.
func KubernetesNames() []string {
	return []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"}
}
