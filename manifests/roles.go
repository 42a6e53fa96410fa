package manifests

import (
	"bytes"
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// Roles chooses the manifests that let a runner work.
type Roles struct {
	Namespaces  []string // the tenants', each of which gets a RoleBinding
	ClusterWide bool     // one binding for all namespaces
	Fence       bool     // hold the runner to Jobs of the probe
	Repository  string   // of the image that the fence lets through
}

// YAML is the manifests, ready to be applied.
func (r Roles) YAML() ([]byte, error) {
	parts := [][]byte{read("roles/runner.yaml")}
	for _, ns := range r.Namespaces {
		binding, err := tenantBinding(ns)
		if err != nil {
			return nil, err
		}
		parts = append(parts, binding)
	}
	if r.ClusterWide {
		parts = append(parts, read("roles/cluster-wide.yaml"))
	}
	if r.Fence {
		parts = append(parts, bytes.Replace(read("roles/fence.yaml"), shipped, repository(r.Repository), 1))
	}
	return bytes.Join(parts, []byte("---\n")), nil
}

// shipped is the fence's line for the image as it is published.
var shipped = repository("ghcr.io/partywall/probe")

func repository(name string) []byte { return []byte("  repository: \"" + name + "\"\n") }

func tenantBinding(namespace string) ([]byte, error) {
	var binding rbacv1.RoleBinding
	mustDecode("roles/tenant-binding.yaml", &binding)
	binding.Namespace = namespace
	text, err := yaml.Marshal(binding)
	if err != nil {
		return nil, fmt.Errorf("writing the RoleBinding for namespace %s: %w", namespace, err)
	}
	return text, nil
}

// Repository is an image's name without its tag and digest.
func Repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}
