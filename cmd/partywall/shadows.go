package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
	"github.com/partywall/partywall/workloads"
)

// cast puts the shadows that the file chooses into the tenancy, where they are
// asked for. One that there may not be refuses all: the file states what is
// tested, and a run that leaves some of it out by itself would not be that.
func (t *target) cast(ctx context.Context, cluster *runner.Cluster, found *tenancy.Tenancy) error {
	names := make([]string, len(found.Shadows))
	for i, s := range found.Shadows {
		names[i] = s.String()
	}
	if !t.aims(targetShadows) {
		if len(names) > 0 {
			found.Notes = append(found.Notes, "no shadows of these workloads are tried, since --targets=shadows was not given: "+strings.Join(names, ", "))
		}
		return nil
	}
	shadows, why := slices.Clone(found.Shadows), make([]error, len(names))
	for i := range shadows {
		var err error
		shadows[i].Identity, err = workloads.Identify(ctx, cluster.Client, shadows[i])
		if why[i] = err; err != nil && !errors.As(err, new(workloads.Refusal)) {
			return err
		}
	}
	if err := found.Refused(why); err != nil {
		return err
	}
	found.Cast(shadows)
	found.Notes = append(found.Notes, "shadows stand for these workloads: "+strings.Join(names, ", "))
	return nil
}

// rowOf is a tenant with its shadows, as a report's header has it.
func rowOf(t tenancy.Tenant) verdicts.TenantRow {
	row := verdicts.TenantRow{Name: t.Name, Namespaces: t.Namespaces}
	for _, s := range t.Shadows {
		row.Shadows = append(row.Shadows, verdicts.Side{Tenant: t.Name, Namespace: s.Namespace, Workload: s.Workload})
	}
	return row
}

// entries are what the tenancy file needs for shadows of the workloads that can
// have one and have none yet.
func (d *discovered) entries() []string {
	var entries []string
	for _, u := range d.untested {
		s := tenancy.Shadow{Namespace: u.Namespace, Workload: u.Workload}
		chosen := slices.ContainsFunc(d.tenancy.Shadows, func(o tenancy.Shadow) bool { return o.String() == s.String() })
		if !u.Host && !chosen && slices.Contains(tenancy.ShadowKinds, s.Kind()) && !slices.Contains(entries, s.Entry()) {
			entries = append(entries, s.Entry())
		}
	}
	return entries
}
