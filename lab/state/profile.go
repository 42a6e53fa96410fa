package state

import "fmt"

// Profile says what a lab has beyond plain Kubernetes with NetworkPolicies.
type Profile string

const (
	// Default is a lab with nothing more.
	Default Profile = "default"
	// Mesh is a lab with Istio.
	Mesh Profile = "mesh"
)

// ParseProfile reads the name of a profile.
func ParseProfile(name string) (Profile, error) {
	switch p := Profile(name); p {
	case Default, Mesh:
		return p, nil
	}
	return "", fmt.Errorf("profile %q: use %s or %s", name, Default, Mesh)
}
