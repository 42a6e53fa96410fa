package tenancy

import "go.yaml.in/yaml/v3"

// Admission is what the platform says of the pods that tenants may have.
type Admission struct {
	// HostNetwork says whether they may be on their node's network, where no
	// NetworkPolicy holds them.
	HostNetwork Promise
	// MeshBypass says whether they may go past the mesh's proxy, or do without.
	MeshBypass Promise
}

func (d *decoder) admission(n *yaml.Node, where string) {
	d.object(n, where, []field{
		{name: "hostNetwork", read: parsed(d, parsePromise, set(&d.file.Promises.Admission.HostNetwork))},
		{name: "meshBypass", read: parsed(d, parsePromise, set(&d.file.Promises.Admission.MeshBypass))},
	})
}
