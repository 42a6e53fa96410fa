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
	Shadows     bool     // let it look at what shadows of workloads take
	Admission   bool     // let it ask what admission lets tenants have
	Fence       bool     // hold the runner to Jobs of the probe
	Repository  string   // of the image that the fence lets through
	Accounts    []string // of shadows that the fence lets through, as NAMESPACE/ACCOUNT
}

// YAML is the manifests, ready to be applied.
func (r Roles) YAML() ([]byte, error) {
	parts := [][]byte{read("roles/runner.yaml")}
	roles := []string{roleTenant}
	if r.Shadows {
		parts, roles = append(parts, read("roles/shadows.yaml")), append(roles, roleShadows)
	}
	if r.Admission {
		parts, roles = append(parts, read("roles/admission.yaml")), append(roles, roleAdmission)
	}
	for _, role := range roles {
		bindings, err := r.bindings(role)
		if err != nil {
			return nil, err
		}
		parts = append(parts, bindings...)
	}
	if r.Fence {
		parts = append(parts, r.fence())
	}
	return bytes.Join(parts, []byte("---\n")), nil
}

// The roles that a runner has in tenants' namespaces.
const (
	roleTenant    = "partywall-tenant"
	roleShadows   = "partywall-shadows"
	roleAdmission = "partywall-admission"
)

// bindings give the runner a role in the namespaces, or in all.
func (r Roles) bindings(role string) ([][]byte, error) {
	var parts [][]byte
	for _, ns := range r.Namespaces {
		var binding rbacv1.RoleBinding
		mustDecode("roles/tenant-binding.yaml", &binding)
		binding.Namespace, binding.Name, binding.RoleRef.Name = ns, role, role
		text, err := yaml.Marshal(binding)
		if err != nil {
			return nil, fmt.Errorf("writing the RoleBinding for namespace %s: %w", ns, err)
		}
		parts = append(parts, text)
	}
	if r.ClusterWide {
		parts = append(parts, bytes.ReplaceAll(read("roles/cluster-wide.yaml"), []byte(roleTenant), []byte(role)))
	}
	return parts, nil
}

// fence is the fence with what it lets through.
func (r Roles) fence() []byte {
	text := bytes.Replace(read("roles/fence.yaml"), shipped, setting("repository", "'"+r.Repository+"'"), 1)
	if !r.Shadows {
		return text
	}
	text = bytes.Replace(text, noShadows, setting("shadows", "true"), 1)
	if len(r.Accounts) == 0 {
		return text
	}
	return bytes.Replace(text, noAccounts, setting("shadowAccounts", "['"+strings.Join(r.Accounts, "', '")+"']"), 1)
}

// The fence's settings as it is shipped.
var (
	shipped    = setting("repository", "'ghcr.io/partywall/probe'")
	noShadows  = setting("shadows", "false")
	noAccounts = setting("shadowAccounts", "[]")
)

// setting is a line of the fence: a variable and its CEL expression, which
// holds no character that YAML's double quotes would change.
func setting(variable, expression string) []byte {
	return []byte("    - {name: " + variable + ", expression: \"" + expression + "\"}\n")
}

// Repository is an image's name without its tag and digest.
func Repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}
