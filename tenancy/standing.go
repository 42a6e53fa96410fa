package tenancy

import (
	"fmt"
	"slices"
	"strings"
)

// Place is what a namespace is to a tenancy.
type Place string

// The places that a namespace can have.
const (
	OfTenant  Place = "tenant"
	OfShared  Place = "shared"
	Unclaimed Place = "unclaimed"
	Ignored   Place = "ignored"
)

// Standing is a namespace's place, and by what it has it.
type Standing struct {
	Namespace string
	Place     Place
	Tenant    string // of OfTenant only
	Why       string
}

// Standings says of each namespace that discovery saw what it is and why: the
// tenants' first, by tenant, then those of shared services, then what nobody
// claims, then what is ignored. The file is the one that was discovered by.
func (t *Tenancy) Standings(file *File) []Standing {
	if file == nil {
		file = newFile("")
	}
	var all []Standing
	owned := map[string]bool{}
	for _, tenant := range t.Tenants {
		for _, ns := range tenant.Namespaces {
			owned[ns] = true
			all = append(all, Standing{ns, OfTenant, tenant.Name, file.whyOwned(ns, tenant.Name)})
		}
	}
	for _, ns := range t.sharedNamespaces() {
		if !owned[ns] {
			all = append(all, Standing{Namespace: ns, Place: OfShared, Why: "shared service " + strings.Join(t.servicesIn(ns), ", ")})
		}
	}
	for _, ns := range t.Unclaimed {
		all = append(all, Standing{Namespace: ns, Place: Unclaimed, Why: file.whyUnclaimed()})
	}
	for _, ns := range t.Ignored {
		all = append(all, Standing{Namespace: ns, Place: Ignored, Why: file.whyIgnored(ns)})
	}
	return all
}

func (t *Tenancy) sharedNamespaces() []string {
	var names []string
	for _, s := range t.Shared {
		names = append(names, s.Namespace)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *Tenancy) servicesIn(namespace string) []string {
	var names []string
	for _, s := range t.Shared {
		if s.Namespace == namespace {
			names = append(names, s.Name)
		}
	}
	return names
}

// whyOwned tells a listing from a label. What is both is the file's word.
func (f *File) whyOwned(namespace, tenant string) string {
	if c, listed := f.claims[namespace]; listed {
		return fmt.Sprintf("tenants.list on line %d", c.at.line)
	}
	return "label " + f.ByLabel + "=" + tenant
}

func (f *File) whyUnclaimed() string {
	switch {
	case f.ByLabel == "":
		return "not listed"
	case len(f.List) == 0:
		return "label " + f.ByLabel + " names no tenant"
	}
	return "label " + f.ByLabel + " names no tenant, not listed"
}

func (f *File) whyIgnored(namespace string) string {
	switch i := f.ignoredBy(namespace); {
	case i >= 0:
		return "ignoreNamespaces " + f.Ignore[i]
	case isSystem(namespace):
		return "the cluster's own"
	}
	return "nothing runs in it" // settleDefault ignores it for that alone
}
