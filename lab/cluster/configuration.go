package cluster

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/outside"
	"github.com/partywall/partywall/lab/state"
)

//go:embed templates/*
var templates embed.FS

// values are what the templates are filled with.
type values struct {
	Lab                       state.Lab
	Node                      state.Node
	Pause, Runc               string
	PodCIDRs, DNS, ResolvConf string
	// Resolver is the DNS server that the nodes use.
	Resolver string
}

// writeConfiguration writes the files that a node's components start from.
func writeConfiguration(lab state.Lab, node state.Node, runc string) error {
	for _, dir := range []string{"cni", "kubelet", "containerd", "logs", "plugins", "cilium"} {
		if err := os.MkdirAll(filepath.Join(node.Dir, dir), 0o755); err != nil {
			return fmt.Errorf("making a folder for %s: %w", node.Name, err)
		}
	}
	parsed, err := template.ParseFS(templates, "templates/*")
	if err != nil {
		return fmt.Errorf("reading the configuration templates: %w", err)
	}
	v := values{
		Lab: lab, Node: node, Pause: images.Pause, Runc: runc,
		PodCIDRs: families(podCIDRs, ofDualStack(lab, podCIDRsIPv6)), DNS: dnsService, ResolvConf: filepath.Join(node.Dir, "resolv.conf"),
		Resolver: outside.Resolver,
	}
	for _, name := range []string{"containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "resolv.conf"} {
		if err := fill(parsed, name, v); err != nil {
			return fmt.Errorf("writing %s of %s: %w", name, node.Name, err)
		}
	}
	return os.CopyFS(filepath.Join(node.Dir, "cilium", "bpf"), os.DirFS(lab.Share("cilium", "bpf")))
}

func fill(parsed *template.Template, name string, v values) error {
	file, err := os.Create(filepath.Join(v.Node.Dir, name))
	if err != nil {
		return err
	}
	if err := parsed.ExecuteTemplate(file, name, v); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// cniConfiguration makes containerd call Cilium for every pod.
const cniConfiguration = `{"cniVersion": "1.0.0", "name": "cilium", "plugins": [{"type": "cilium-cni"}]}
`

// writeCNI writes the file in place, once Cilium is ready to be called: until
// it is there the kubelet reports the node as not ready. containerd watches the
// folder and can miss a file that is renamed into it.
func writeCNI(node state.Node) error {
	file := filepath.Join(node.Dir, "cni", "05-cilium.conflist")
	if err := os.WriteFile(file, []byte(cniConfiguration), 0o644); err != nil {
		return fmt.Errorf("writing the CNI configuration of %s: %w", node.Name, err)
	}
	return nil
}
