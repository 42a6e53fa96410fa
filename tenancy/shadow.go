package tenancy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Shadow is a workload that probes of their own stand for: they carry its pods'
// labels and service account, so that policies treat them as they treat it.
type Shadow struct {
	Namespace string
	Workload  string // Deployment/api
	Identity         // once the workload was looked at

	at position // where the file states it
}

// Identity is what policies may know a workload's pods by.
type Identity struct {
	Labels    map[string]string
	Account   string // the service account
	PortNames PortNames
}

// ShadowKinds are the kinds of workload that can be shadowed: those whose pods
// all have the labels of one template.
var ShadowKinds = []string{"Deployment", "StatefulSet", "DaemonSet"}

// Kind and Name are the two parts of the workload.
func (s Shadow) Kind() string {
	kind, _, _ := strings.Cut(s.Workload, "/")
	return kind
}

// Name is the workload's, within its namespace.
func (s Shadow) Name() string {
	_, name, _ := strings.Cut(s.Workload, "/")
	return name
}

// String is namespace, kind and name.
func (s Shadow) String() string { return s.Namespace + "/" + s.Workload }

// Entry is the line by which a tenancy file chooses it.
func (s Shadow) Entry() string {
	return fmt.Sprintf("- {namespace: %s, workload: %s}", scalar(s.Namespace), scalar(s.Workload))
}

// checkWorkload takes a kind and a name.
func checkWorkload(s string) error {
	kind, name, both := strings.Cut(s, "/")
	if !both {
		return fmt.Errorf("bad workload %s: want KIND/NAME, such as Deployment/api", quote(s))
	}
	if err := oneOf("kind of workload", ShadowKinds...)(kind); err != nil {
		return err
	}
	return checkWorkloadName(name)
}

func (d *decoder) shadow(n *yaml.Node, where string) {
	var s Shadow
	var at position
	d.object(n, where, []field{
		{name: "namespace", required: true, read: d.place(&s.Namespace, &at, checkNamespace)},
		{name: "workload", required: true, read: d.text(&s.Workload, checkWorkload)},
	})
	same := func(o Shadow) bool { return o.Namespace == s.Namespace && o.Workload == s.Workload && s.Workload != "" }
	if slices.ContainsFunc(d.file.Shadows, same) {
		d.add(at, "duplicate shadow %s of namespace %s", quote(s.Workload), quote(s.Namespace))
	}
	s.at = at
	d.file.Shadows = append(d.file.Shadows, s)
}

// checkShadows refuses workloads that are no tenant's.
func (d *discovery) checkShadows() {
	for _, s := range d.file.Shadows {
		if d.exists(s.Namespace, s.at, fmt.Sprintf("namespace %s of the shadow %s", quote(s.Namespace), quote(s.Workload))) && d.owner[s.Namespace] == "" {
			d.add(s.at, "namespace %s of the shadow %s is no tenant's, so that nobody could be kept from it", quote(s.Namespace), quote(s.Workload))
		}
	}
}

// Cast has the shadows put out: each becomes a place of its tenant.
func (t *Tenancy) Cast(shadows []Shadow) {
	for i := range t.Tenants {
		for _, s := range shadows {
			if slices.Contains(t.Tenants[i].Namespaces, s.Namespace) {
				t.Tenants[i].Shadows = append(t.Tenants[i].Shadows, s)
			}
		}
	}
}

// Refused makes what is wrong with shadows an error of the statement, since
// that is what chose them. There is an error, or nil, for each that the file
// chooses.
func (t *Tenancy) Refused(why []error) error {
	p := &problems{path: t.Path}
	for i, err := range why {
		if err != nil {
			p.add(t.Shadows[i].at, "shadow %s: %v", t.Shadows[i], err)
		}
	}
	return p.err()
}
