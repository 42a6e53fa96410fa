package cluster

import (
	"bytes"
	"os"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/partywall/partywall/lab/state"
)

func TestKubeconfigStandsAlone(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	lab, err := state.Open("default")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeCredentials(lab, 12345); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(lab.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if config.CurrentContext != "partywall-default" {
		t.Errorf("context is %q", config.CurrentContext)
	}
	cluster := config.Clusters["partywall-default"]
	if cluster == nil || cluster.Server != "https://127.0.0.1:12345" || cluster.CertificateAuthority != "" {
		t.Errorf("cluster is %+v", cluster)
	}
	data, err := os.ReadFile(lab.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(lab.Root)) {
		t.Error("the kubeconfig refers to files")
	}
	info, err := os.Stat(lab.Kubeconfig())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the kubeconfig: %v, %v", info.Mode(), err)
	}
}

func TestConfigurationIsFilled(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	lab, err := state.Open("default")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(lab.Share("cilium", "bpf"), 0o755); err != nil {
		t.Fatal(err)
	}
	node := lab.Nodes()[0]
	if err := writeConfiguration(lab, node, "/usr/sbin/runc"); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"containerd.toml": `BinaryName = "/usr/sbin/runc"`,
		"kubelet.yaml":    "cgroupRoot: /partywall-default/node1",
		"kube-proxy.yaml": "hostnameOverride: node1",
		"resolv.conf":     "nameserver 203.0.113.53",
	} {
		data, err := os.ReadFile(node.Dir + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte(want)) || bytes.Contains(data, []byte("<no value>")) {
			t.Errorf("%s:\n%s", file, data)
		}
	}
}

func TestTail(t *testing.T) {
	file := t.TempDir() + "/log"
	if err := os.WriteFile(file, bytes.Repeat([]byte("line\n"), 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Tail(file); len(got) != tailLines*len("line\n")-1 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if got := Tail(file + ".missing"); got == "" {
		t.Error("a missing log must say so")
	}
}
