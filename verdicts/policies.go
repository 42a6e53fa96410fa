package verdicts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mostPolicies is how many policies of each kind of change are named.
const mostPolicies = 10

// policyChanges tells which policies say something else than they did, since
// what changed in a matrix is most often theirs.
func policyChanges(before, now *Policies) []string {
	if before == nil && now == nil {
		return nil // of versions that read none
	}
	if before == nil || now == nil {
		return []string{"whether NetworkPolicies changed between the two is not known: not both runs read all of them"}
	}
	if before.Digest() == now.Digest() {
		return []string{"the NetworkPolicies of the tenants' namespaces say the same in both"}
	}
	was, is := before.byName(), now.byName()
	names := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		switch digest, there := is[name]; {
		case !there:
			names["deleted"] = append(names["deleted"], name)
		case digest != was[name]:
			names["changed"] = append(names["changed"], name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, there := was[name]; !there {
			names["created"] = append(names["created"], name)
		}
	}
	var notes []string
	for _, how := range []string{"deleted", "changed", "created"} {
		if list := names[how]; len(list) > 0 {
			note := fmt.Sprintf("NetworkPolicies %s between the two: %s", how, strings.Join(list[:min(len(list), mostPolicies)], ", "))
			if more := len(list) - mostPolicies; more > 0 {
				note += fmt.Sprintf(" and %d more", more)
			}
			notes = append(notes, note)
		}
	}
	return notes
}

func (p *Policies) byName() map[string]string {
	digests := map[string]string{}
	for _, one := range p.List {
		digests[one.Namespace+"/"+one.Name] = one.Digest
	}
	return digests
}
