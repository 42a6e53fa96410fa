package tenancy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// root reads the file's top level.
func (d *decoder) root(n *yaml.Node) {
	d.file.tenantsAt = positionOf(n)
	var word string
	d.object(n, "", []field{
		{name: "apiVersion", required: true, read: d.text(&word, oneOf("apiVersion", apiVersion))},
		{name: "kind", required: true, read: d.text(&word, oneOf("kind", kind))},
		{name: "metadata", read: d.metadata},
		{name: "tenants", read: d.tenants},
		{name: "ignoreNamespaces", read: d.list(once(d, "pattern", checked(checkIgnore), d.ignore))},
		{name: "shared", read: d.list(d.shared)},
		{name: "services", read: d.list(d.service)},
		{name: "shadows", read: d.list(d.shadow)},
		{name: "crossings", read: d.list(d.crossing)},
		{name: "promises", read: d.promises},
		{name: "exceptions", read: d.list(d.exception)},
		{name: "severities", read: d.list(d.severity)},
		{name: "failOn", read: parsed(d, ParseSeverity, set(&d.file.FailOn))},
	})
}

func (d *decoder) metadata(n *yaml.Node, where string) {
	d.object(n, where, []field{
		{name: "name", required: true, read: d.text(&d.file.Name, checkFileName)},
	})
}

// tenants reads who the tenants are. Once the file says so itself, the default
// label no longer counts.
func (d *decoder) tenants(n *yaml.Node, where string) {
	d.file.tenantsAt = positionOf(n)
	d.file.ByLabel, d.onlyListed = "", true
	before := len(d.problems.list)
	d.object(n, where, []field{
		{name: "byLabel", read: func(n *yaml.Node, where string) {
			d.onlyListed = false
			d.text(&d.file.ByLabel, checkLabelKey)(n, where)
		}},
		{name: "list", read: d.list(d.tenant)},
	})
	if d.onlyListed && len(d.problems.list) == before {
		d.atLeastTwo(where)
	}
}

// atLeastTwo refuses a file that lists what cannot be isolated from anything.
func (d *decoder) atLeastTwo(where string) {
	switch list := d.file.List; len(list) {
	case 0:
		d.add(d.file.tenantsAt, `%s: empty; give "byLabel", "list" or both`, where)
	case 1:
		d.add(d.file.tenantsAt, "%s: only one tenant, %s, is listed; isolation takes two", where, quote(list[0].Name))
	}
}

func (d *decoder) tenant(n *yaml.Node, where string) {
	var t Tenant
	var at position
	var namespaces []named
	d.object(n, where, []field{
		{name: "name", required: true, read: d.place(&t.Name, &at, checkTenantName)},
		{name: "namespaces", required: true, read: d.list(func(n *yaml.Node, where string) {
			var ns named
			d.place(&ns.name, &ns.at, checkNamespace)(n, where)
			namespaces = append(namespaces, ns)
		})},
	})
	if t.Name == "" {
		return
	}
	if first, twice := d.file.tenantAt[t.Name]; twice {
		d.add(at, "duplicate tenant %s; the first is on line %d", quote(t.Name), first.line)
		return
	}
	d.file.tenantAt[t.Name] = at
	for _, ns := range namespaces {
		if ns.name != "" && d.claim(ns, t.Name) {
			t.Namespaces = append(t.Namespaces, ns.name)
		}
	}
	d.file.List = append(d.file.List, t)
}

// claim lists a namespace for a tenant, unless it is taken.
func (d *decoder) claim(ns named, tenant string) bool {
	switch first, taken := d.file.claims[ns.name]; {
	case !taken:
		d.file.claims[ns.name] = claim{tenant, ns.at}
		return true
	case first.tenant == tenant:
		d.add(ns.at, "duplicate namespace %s of tenant %s; the first is on line %d", quote(ns.name), quote(tenant), first.at.line)
	default:
		d.add(ns.at, "namespace %s is listed for tenant %s and, on line %d, for tenant %s; a namespace has one tenant",
			quote(ns.name), quote(tenant), first.at.line, quote(first.tenant))
	}
	return false
}

func (d *decoder) ignore(glob string, at position) {
	d.file.Ignore = append(d.file.Ignore, glob)
	d.file.ignoreAt = append(d.file.ignoreAt, at)
}

func (d *decoder) shared(n *yaml.Node, where string) {
	var s Shared
	var at sharedPlace
	d.object(n, where, []field{
		{name: "name", required: true, read: d.place(&s.Name, &at.name, checkSharedName)},
		{name: "namespace", required: true, read: d.place(&s.Namespace, &at.namespace, checkNamespace)},
		{name: "service", required: true, read: d.text(&s.Service, checkService)},
		{name: "ports", required: true, read: d.ports(&s.Ports)},
		{name: "tenants", required: true, read: d.list(once(d, "tenant", checked(checkMention), func(tenant string, at position) {
			s.Tenants = append(s.Tenants, tenant)
			d.mentioned(tenant, at)
		}))},
		{name: "identityHeader"},
	})
	if line, twice := d.sharedLine[s.Name]; twice && s.Name != "" {
		d.add(at.name, "duplicate shared service %s; the first is on line %d", quote(s.Name), line)
	}
	d.sharedLine[s.Name] = at.name.line
	d.file.Shared = append(d.file.Shared, s)
	d.file.sharedAt = append(d.file.sharedAt, at)
}

func (d *decoder) service(n *yaml.Node, where string) {
	var s Service
	var at position
	d.object(n, where, []field{
		{name: "namespace", required: true, read: d.place(&s.Namespace, &at, checkNamespace)},
		{name: "service", required: true, read: d.text(&s.Name, checkService)},
		{name: "ports", required: true, read: d.ports(&s.Ports)},
	})
	if slices.ContainsFunc(d.file.Services, func(o Service) bool { return o.Namespace == s.Namespace && o.Name == s.Name && s.Name != "" }) {
		d.add(at, "duplicate Service %s of namespace %s", quote(s.Name), quote(s.Namespace))
	}
	d.file.Services = append(d.file.Services, s)
	d.file.serviceAt = append(d.file.serviceAt, at)
}

func (d *decoder) crossing(n *yaml.Node, where string) {
	var c Crossing
	var fromAt, toAt position
	d.object(n, where, []field{
		{name: "from", required: true, read: d.mention(&c.From, &fromAt)},
		{name: "to", required: true, read: d.mention(&c.To, &toAt)},
		{name: "ports", required: true, read: d.ports(&c.Ports)},
		{name: "reason", required: true, read: d.text(&c.Reason, nil)},
		{name: "owner", read: d.text(&c.Owner, nil)},
		{name: "expires", read: parsed(d, parseDate, set(&c.Expires))},
	})
	switch {
	case c.From == "" || c.From != c.To:
	case c.From == everyone:
		d.add(toAt, `%s: "*" on both sides would open these ports between all tenants; name one side`, where)
	default:
		d.add(toAt, "%s: from and to are both %s; a crossing joins two tenants", where, quote(c.To))
	}
	d.file.Crossings = append(d.file.Crossings, c)
}

func (d *decoder) promises(n *yaml.Node, where string) {
	p := &d.file.Promises
	d.object(n, where, []field{
		{name: "layers", read: d.list(once(d, "layer", parseLayer, func(l Layer, _ position) { p.Layers = append(p.Layers, l) }))},
		{name: "denial", read: d.denial},
		{name: "egress", read: d.egress},
		{name: "admission", read: d.admission},
		{name: "dns", read: parsed(d, parseVisibility, set(&p.DNS))},
		{name: "weakControls", read: parsed(d, parseWeakControls, set(&p.WeakControls))},
	})
}

// denial reads the word any or a list of outcomes.
func (d *decoder) denial(n *yaml.Node, where string) {
	if n.Kind == yaml.ScalarNode {
		var word string
		d.text(&word, checkDenialWord)(n, where)
		return
	}
	d.list(once(d, "outcome", checked(checkDenial), func(outcome string, _ position) {
		d.file.Promises.Denial = append(d.file.Promises.Denial, outcome)
	}))(n, where)
}

func (d *decoder) exception(n *yaml.Node, where string) {
	var e Exception
	var at position
	d.object(n, where, []field{
		{name: "match", required: true, read: d.place(&e.Match, &at, checkMatch)},
		{name: "reason", required: true, read: d.text(&e.Reason, nil)},
		{name: "owner", required: true, read: d.text(&e.Owner, nil)},
		{name: "expires", required: true, read: parsed(d, parseDate, set(&e.Expires))},
	})
	e.Line = at.line
	d.file.Exceptions = append(d.file.Exceptions, e)
}

// checkMatch takes a pattern of attempts' ids that accepts not simply all there
// are.
func checkMatch(s string) error {
	if strings.Trim(s, "*/") == "" {
		return fmt.Errorf("bad pattern %s: it accepts every leak there is; want at least a suite, such as network/*", quote(s))
	}
	return nil
}

func (d *decoder) severity(n *yaml.Node, where string) {
	var s CheckSeverity
	var at position
	d.object(n, where, []field{
		{name: "check", required: true, read: d.place(&s.Check, &at, checkCheck)},
		{name: "severity", required: true, read: parsed(d, ParseSeverity, set(&s.Severity))},
	})
	s.Line = at.line
	d.file.Severities = append(d.file.Severities, s)
}

// checkCheck takes a suite and a check; which there are, the suites know.
func checkCheck(s string) error {
	suite, check, both := strings.Cut(s, "/")
	if !both || suite == "" || check == "" || strings.Contains(check, "/") {
		return fmt.Errorf("bad check %s: want SUITE/CHECK, such as dns/reverse or egress/*", quote(s))
	}
	return nil
}

func (d *decoder) ports(into *[]Port) reader {
	return d.list(once(d, "port", ParsePort, func(p Port, _ position) { *into = append(*into, p) }))
}

// mention reads the name of a tenant, or * for all, and where it stands.
func (d *decoder) mention(into *string, at *position) reader {
	return func(n *yaml.Node, where string) {
		d.place(into, at, checkMention)(n, where)
		d.mentioned(*into, *at)
	}
}

// mentioned keeps a tenant's name to be looked up once all tenants are known.
func (d *decoder) mentioned(name string, at position) {
	if name != "" && name != everyone {
		d.file.mentions = append(d.file.mentions, named{name, at})
	}
}
