package tenancy

import (
	"fmt"
	"maps"
	"slices"
)

// check holds the parts of a file against each other.
func (d *decoder) check() {
	if d.onlyListed && len(d.file.List) > 0 {
		d.file.checkMentions(d.problems, slices.Sorted(maps.Keys(d.file.tenantAt)))
	}
	d.file.checkIgnored(d.problems)
	where := map[string]string{}
	for tenant, at := range d.file.tenantAt {
		where[tenant] = fmt.Sprintf("on line %d", at.line)
	}
	d.file.checkShared(d.problems, where)
}

// checkMentions looks every tenant that the file speaks of up among those that
// there are, which are sorted.
func (f *File) checkMentions(p *problems, tenants []string) {
	for _, m := range f.mentions {
		if _, known := slices.BinarySearch(tenants, m.name); !known {
			p.unknown(m.at, "tenant", m.name, tenants)
		}
	}
}

// checkIgnored refuses a namespace that is both a tenant's and ignored.
func (f *File) checkIgnored(p *problems) {
	for ns, c := range f.claims {
		if i := f.ignoredBy(ns); i >= 0 {
			p.add(c.at, "namespace %s of tenant %s is ignored by %s on line %d; keep one of the two",
				quote(ns), quote(c.tenant), quote(f.Ignore[i]), f.ignoreAt[i].line)
		}
	}
}

// checkShared refuses a shared service with the name of a tenant, which stands
// where the map says: the two would be one column of a report, and one target
// in the ids of attempts.
func (f *File) checkShared(p *problems, where map[string]string) {
	for i, s := range f.Shared {
		if at, taken := where[s.Name]; taken {
			p.add(place(f.sharedAt, i).name, "shared service %s has the name of the tenant %s; give it another, since reports would take the two for one",
				quote(s.Name), at)
		}
	}
}

// ignoredBy returns the place in Ignore of a glob that matches, or -1.
func (f *File) ignoredBy(namespace string) int {
	return slices.IndexFunc(f.Ignore, func(glob string) bool { return matches(glob, namespace) })
}
