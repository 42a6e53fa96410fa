package tenancy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Discover holds the file, which may be nil, against the cluster. The name is
// the tenancy's where the file gives none. What is wrong with the statement
// comes back as Errors; a cluster that cannot be looked at, as another error.
func Discover(ctx context.Context, client kubernetes.Interface, file *File, name string) (*Tenancy, error) {
	if file == nil {
		file = newFile("")
	}
	seen, err := look(ctx, client, file)
	if err != nil {
		return nil, err
	}
	d := &discovery{
		problems: &problems{path: file.Path},
		file:     file,
		view:     seen,
		owner:    map[string]string{},
	}
	d.ownListed()
	d.ownLabelled()
	t := d.tenancy(name)
	if err := d.err(); err != nil {
		return nil, err
	}
	if err := settleDefault(ctx, client, t); err != nil {
		return nil, err
	}
	return t, nil
}

// discovery joins a file and what was seen of the cluster.
type discovery struct {
	*problems
	*view
	file  *File
	owner map[string]string // namespace to tenant
}

// ownListed gives the listed namespaces to their tenants.
func (d *discovery) ownListed() {
	for _, t := range d.file.List {
		for _, ns := range t.Namespaces {
			at := d.file.claims[ns].at
			if d.exists(ns, at, fmt.Sprintf("namespace %s of tenant %s", quote(ns), quote(t.Name))) {
				d.owner[ns] = t.Name
			}
		}
	}
	for i, s := range d.file.Shared {
		d.exists(s.Namespace, place(d.file.sharedAt, i).namespace, fmt.Sprintf("namespace %s of the shared service %s", quote(s.Namespace), quote(s.Name)))
	}
}

// place is that of a shared service, where the statement came from a file.
func place(places []sharedPlace, i int) sharedPlace {
	if i < len(places) {
		return places[i]
	}
	return sharedPlace{}
}

// exists tells whether a namespace that the file names is there to be used.
func (d *discovery) exists(ns string, at position, what string) bool {
	if d.live[ns] != nil {
		return true
	}
	if d.leaving[ns] == nil && !d.unseen[ns] {
		d.add(at, "%s does not exist in the cluster%s", what, d.nearestNamespace(ns))
	}
	return false
}

func (d *discovery) nearestNamespace(ns string) string {
	if near := nearest(ns, d.names()); near != "" {
		return didYouMean(near)
	}
	return ""
}

// ownLabelled gives the labelled namespaces to their tenants. What the file
// ignores is nobody's, whatever its label.
func (d *discovery) ownLabelled() {
	key := d.file.ByLabel
	if key == "" {
		return
	}
	for _, ns := range d.names() {
		tenant, has := d.live[ns].Labels[key]
		listed, also := d.owner[ns]
		switch {
		case !has, d.file.ignoredBy(ns) >= 0:
		case tenant == "":
			d.note("namespace %s has the label %s without a value, which names no tenant", ns, key)
		case also && listed != tenant:
			d.add(d.file.claims[ns].at, "namespace %s is listed for tenant %s, but its label %s names tenant %s; a namespace has one tenant",
				quote(ns), quote(listed), quote(key), quote(tenant))
		default:
			d.owner[ns] = tenant
		}
	}
}

// tenancy puts together what was found, and records what forbids a run.
func (d *discovery) tenancy(name string) *Tenancy {
	f := d.file
	t := &Tenancy{
		Name: cmp.Or(f.Name, name), Path: f.Path, Places: f.places(),
		Tenants: d.tenants(),
		Shared:  f.Shared, Crossings: f.Crossings, Exceptions: f.Exceptions, Severities: f.Severities, Services: f.Services, Shadows: f.Shadows,
		Promises: f.Promises, FailOn: f.FailOn,
	}
	where := map[string]string{}
	for _, tenant := range t.Tenants {
		where[tenant.Name] = "of namespace " + quote(tenant.Namespaces[0])
	}
	f.checkShared(d.problems, where)
	d.checkServices()
	d.checkShadows()
	if d.enough(t.Tenants) {
		f.checkMentions(d.problems, d.known())
	}
	d.sortOut(t)
	t.Notes = d.notes
	return t
}

// checkServices refuses Services that are no tenant's.
func (d *discovery) checkServices() {
	for i, s := range d.file.Services {
		if d.exists(s.Namespace, d.file.serviceAt[i], fmt.Sprintf("namespace %s of the Service %s", quote(s.Namespace), quote(s.Name))) && d.owner[s.Namespace] == "" {
			d.add(d.file.serviceAt[i], "namespace %s of the Service %s is no tenant's; list what several tenants use under shared", quote(s.Namespace), quote(s.Name))
		}
	}
}

// tenants groups the owned namespaces, all sorted.
func (d *discovery) tenants() []Tenant {
	byName := map[string][]string{}
	for _, ns := range slices.Sorted(maps.Keys(d.owner)) {
		byName[d.owner[ns]] = append(byName[d.owner[ns]], ns)
	}
	var tenants []Tenant
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		tenants = append(tenants, Tenant{Name: name, Namespaces: byName[name]})
	}
	for _, t := range d.file.List {
		if byName[t.Name] == nil && !slices.ContainsFunc(t.Namespaces, d.isMissing) {
			d.add(d.file.tenantAt[t.Name], "tenant %s has no namespace left: all that it lists are being deleted", quote(t.Name))
		}
	}
	return tenants
}

// isMissing tells a namespace that an error already names.
func (d *discovery) isMissing(ns string) bool { return d.leaving[ns] == nil }

// known are the tenants that a file may speak of, sorted: those about to be
// deleted as well, so that a file need not change on the very same day.
func (d *discovery) known() []string {
	names := map[string]bool{}
	for _, tenant := range d.owner {
		names[tenant] = true
	}
	for _, t := range d.file.List {
		names[t.Name] = true
	}
	for _, ns := range d.leaving {
		if tenant := ns.Labels[d.file.ByLabel]; tenant != "" {
			names[tenant] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// enough refuses fewer than two tenants: a run without a pair would be green
// and prove nothing.
func (d *discovery) enough(tenants []Tenant) bool {
	if len(tenants) > 1 {
		return true
	}
	if len(d.problems.list) > 0 {
		return false // which says why there are so few
	}
	found := "no tenant"
	if len(tenants) == 1 {
		found = "only the tenant " + quote(tenants[0].Name)
	}
	key := d.file.ByLabel
	if key == "" {
		d.add(d.file.tenantsAt, "found %s; isolation takes two: list another under tenants.list", found)
		return false
	}
	d.add(d.file.tenantsAt, "found %s by the namespace label %s (namespaces seen: %d)%s; isolation takes two: "+
		"label the namespaces of each tenant (kubectl label namespace NAME %s=TENANT) or list them in a tenancy file under tenants.list",
		found, quote(key), len(d.live), d.nearestLabel(), key)
	return false
}

// nearestLabel finds the label that the namespaces do carry.
func (d *discovery) nearestLabel() string {
	keys := map[string]bool{}
	for _, ns := range d.live {
		for key := range ns.Labels {
			keys[key] = true
		}
	}
	delete(keys, d.file.ByLabel)
	if near := nearest(d.file.ByLabel, slices.Sorted(maps.Keys(keys))); near != "" {
		return didYouMean(near)
	}
	return ""
}

// sortOut says of every namespace without a tenant whether it is ignored.
func (d *discovery) sortOut(t *Tenancy) {
	used := make([]bool, len(d.file.Ignore))
	for _, ns := range d.names() {
		i := d.file.ignoredBy(ns)
		if i >= 0 {
			used[i] = true
		}
		switch {
		case d.owner[ns] != "", d.isShared(ns):
		case i >= 0, isSystem(ns):
			t.Ignored = append(t.Ignored, ns)
		default:
			t.Unclaimed = append(t.Unclaimed, ns)
		}
	}
	for i, glob := range d.file.Ignore {
		if d.complete && !used[i] {
			d.note("ignoreNamespaces: %s matches no namespace, or only ones that another pattern matches", quote(glob))
		}
	}
	for _, ns := range slices.Sorted(maps.Keys(d.leaving)) {
		d.note("namespace %s is being deleted and was left out", ns)
	}
}

func (d *discovery) isShared(ns string) bool {
	return slices.ContainsFunc(d.file.Shared, func(s Shared) bool { return s.Namespace == ns })
}

// defaultNamespace is in every cluster and cannot be deleted.
const defaultNamespace = "default"

// settleDefault ignores the namespace default as long as nothing runs in it.
// Once something does, it is unclaimed like any other: work that nobody put
// anywhere else ends up there.
func settleDefault(ctx context.Context, client kubernetes.Interface, t *Tenancy) error {
	i := slices.Index(t.Unclaimed, defaultNamespace)
	if i < 0 {
		return nil
	}
	pods, err := client.CoreV1().Pods(defaultNamespace).List(ctx, metav1.ListOptions{Limit: 1})
	switch {
	case apierrors.IsForbidden(err):
		t.Notes = append(t.Notes, fmt.Sprintf("whether anything runs in namespace default could not be seen, so it counts as unclaimed: %v", err))
	case err != nil:
		return fmt.Errorf("looking for pods in namespace default: %w", err)
	case len(pods.Items) == 0:
		t.Unclaimed = slices.Delete(t.Unclaimed, i, i+1)
		t.Ignored = append(t.Ignored, defaultNamespace)
		slices.Sort(t.Ignored)
	}
	return nil
}
