package suites

import "github.com/partywall/partywall/tenancy"

// Places are where a tenant has probes: its namespaces, then the workloads in
// them that are shadowed.
func Places(t tenancy.Tenant) []Place {
	var places []Place
	for _, ns := range t.Namespaces {
		places = append(places, Place{Tenant: t.Name, Namespace: ns})
	}
	for _, s := range t.Shadows {
		places = append(places, Place{Tenant: t.Name, Namespace: s.Namespace, Workload: s.Workload})
	}
	return places
}

// Where is the namespace, and of a shadow also the kind and name of its
// workload. No two places have it in common.
func (p Place) Where() string {
	switch {
	case p.Proxied:
		return p.Namespace + " with sidecars" // which is no namespace's name
	case p.Workload == "":
		return p.Namespace
	}
	return p.Namespace + "/" + p.Workload
}

// Proxied are the places of a tenant whose probes have a mesh's proxy beside
// them.
func Proxied(t tenancy.Tenant) []Place {
	var places []Place
	for _, ns := range t.Meshed {
		places = append(places, Place{Tenant: t.Name, Namespace: ns, Proxied: true})
	}
	return places
}

// Shadows says that the attempt is made from or on a shadow.
func (a Attempt) Shadows() bool { return a.From.Workload != "" || a.To.Workload != "" }
