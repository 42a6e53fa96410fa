package tenancy

import (
	"maps"
	"slices"
)

// check holds the parts of a file against each other.
func (d *decoder) check() {
	if d.onlyListed && len(d.file.List) > 0 {
		d.file.checkMentions(d.problems, slices.Sorted(maps.Keys(d.file.tenantAt)))
	}
	d.file.checkIgnored(d.problems)
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

// ignoredBy returns the place in Ignore of a glob that matches, or -1.
func (f *File) ignoredBy(namespace string) int {
	return slices.IndexFunc(f.Ignore, func(glob string) bool { return matches(glob, namespace) })
}
