package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// causeView is a cause as the page shows it.
type causeView struct {
	Number     int
	Key        string // of its class
	Symbol     string
	Word       string
	Title      string
	Severity   string
	Count      int
	Told       int // of its attempts, in full
	Checks     string
	Whys       []string
	MoreWhys   bool
	Behind     []string // likely causes, from the cluster's objects
	MoreBehind bool
	Remedies   []string
	MoreRems   bool
	Pairs      []string
	MoreOf     int // pairs that are not named
	Rerun      string
	ID         string
	Accepted   *verdicts.Exception
}

func viewOf(c *cause, h *heat) causeView {
	k := c.key.class
	v := causeView{
		Number: c.number, Key: classKeys[k], Symbol: classes[k].symbol, Word: classes[k].word, Title: line(c.title()),
		Count: c.count, Told: c.shown, Checks: line(c.checkWords()), Whys: c.whys.list, MoreWhys: c.whys.more,
		Rerun: line(c.first.Rerun), ID: line(c.first.ID), Accepted: c.first.Exception,
	}
	if k == classLeak || k == classNoted || k == classExcepted {
		v.Severity = word(c.severity)
	}
	v.Behind, v.MoreBehind = c.behind.list, c.behind.more
	if k != classExcepted {
		v.Remedies, v.MoreRems = c.remedies.list, c.remedies.more
	}
	v.Pairs, v.MoreOf = pairNames(c, h.places.grid)
	return v
}

func lines(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, line(s))
	}
	return out
}

// pairNames names the first pairs, in the order of the matrix.
func pairNames(c *cause, g *grid) ([]string, int) {
	var at [][2]int
	for pair := range c.pairs {
		at = append(at, pair)
	}
	slices.SortFunc(at, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	shown := at[:min(len(at), mostPairsNamed)]
	names := make([]string, 0, len(shown))
	for _, pair := range shown {
		names = append(names, word(g.rows[pair[0]])+" → "+word(g.cols[pair[1]].name))
	}
	return names, len(at) - len(shown)
}

// title is the cause in one sentence.
func (c *cause) title() string {
	from := plural(len(c.sources), "tenant")
	if len(c.sources) == 1 {
		from = c.first.From.Tenant
	}
	r := c.first
	switch k := c.key; {
	case k.class == classInconclusive:
		return fmt.Sprintf("No evidence on %s: %s", plural(len(c.pairs), "pair"), r.Why)
	case k.class == classExcepted:
		return "A leak that was accepted: " + r.Why
	case k.place == "" && k.reason == "":
		return fmt.Sprintf("More of the suite %s, at too many places to tell them apart", r.Suite)
	case k.class == classBroken && r.Out:
		return fmt.Sprintf("%s may reach %s, and cannot", from, r.To.Tenant)
	case k.class == classBroken:
		return fmt.Sprintf("%s may reach %s, and cannot", from, reachable(r))
	case r.Address == suites.DryRun:
		return fmt.Sprintf("%s can have what it ought not to: %s", from, r.Why)
	case r.Check == "identity":
		return fmt.Sprintf("Whoever asks %s can say who they are: %s", from, r.Why)
	case r.Address == suites.ProxyView:
		return fmt.Sprintf("The mesh tells the proxies of %s of others: %s", from, r.Why)
	case r.Out:
		return fmt.Sprintf("%s can get out to %s", from, outsideWords(r))
	case k.place == "":
		return fmt.Sprintf("The resolver tells %s of others: %s", from, r.Why)
	default:
		return fmt.Sprintf("%s can get into %s", from, reachable(r))
	}
}

func reachable(r *verdicts.Result) string {
	place := fmt.Sprintf("namespace %s of %s", r.To.Namespace, r.To.Tenant)
	switch {
	case r.To.Workload != "":
		place = fmt.Sprintf("%s in namespace %s of %s", r.To.Workload, r.To.Namespace, r.To.Tenant)
	case r.Service != "" && r.Outside != "":
		place = fmt.Sprintf("Service %s, by its address %s, in %s", r.Service, r.Outside, place)
	case r.Service != "":
		place = fmt.Sprintf("Service %s in %s", r.Service, place)
	}
	if r.Address.ByNode() {
		place += ", by a port of a node,"
	}
	return strings.TrimSpace(place)
}

func outsideWords(r *verdicts.Result) string {
	switch r.To.Tenant {
	case "kubelet":
		return "the kubelets of the nodes"
	case "node-ports":
		return "ports that Services open on the nodes"
	case "metadata":
		return "the metadata service"
	case "kube-api":
		return "the Kubernetes API server"
	case "control-plane":
		return "the mesh's control plane"
	default:
		return "the " + r.To.Tenant
	}
}
