package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/workloads"
)

// none fills what a row has not, as in kubectl's tables.
const none = "<none>"

func (d *discovered) print(w io.Writer) error {
	if err := table(w, []string{"NAMESPACE", "TENANT", "WHY"}, d.rows()); err != nil {
		return err
	}
	if len(d.untested) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nNo probe stands for these workloads: NetworkPolicies treat their pods unlike a probe's, so that what a run\n"+
		"proves of their namespace does not hold for them.\n\n")
	var rows [][]string
	for _, u := range d.untested {
		rows = append(rows, []string{u.Namespace, u.Workload, strconv.Itoa(u.Pods), own(u), list(u.Probe)})
	}
	if err := table(w, []string{"NAMESPACE", "WORKLOAD", "PODS", "POLICIES ONLY IT MEETS", "POLICIES ONLY A PROBE MEETS"}, rows); err != nil {
		return err
	}
	if entries := d.entries(); len(entries) > 0 {
		fmt.Fprintf(w, "\nProbes with their labels can stand for them where the tenancy file says so and a run has --targets=shadows:\n\nshadows:\n  %s\n",
			strings.Join(entries, "\n  "))
	}
	return nil
}

func (d *discovered) rows() [][]string {
	var rows [][]string
	for _, s := range d.standings {
		switch s.Place {
		case tenancy.OfTenant:
			rows = append(rows, []string{s.Namespace, s.Tenant, s.Why})
		case tenancy.OfShared:
			rows = append(rows, []string{s.Namespace, none, s.Why})
		default:
			rows = append(rows, []string{s.Namespace, none, string(s.Place) + ": " + s.Why})
		}
	}
	return rows
}

func own(u workloads.Untested) string {
	if u.Host {
		return "none: it is in the node's network"
	}
	return list(u.Own)
}

func list(names []string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ",")
}

// table writes what kubectl's tables look like.
func table(w io.Writer, header []string, rows [][]string) error {
	tw := printers.GetNewTabWriter(w)
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			row[i] = reports.Harmless(cell)
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	return tw.Flush()
}

func (d *discovered) printJSON(w io.Writer) error {
	type namespace struct {
		Name   string `json:"name"`
		Place  string `json:"place"`
		Tenant string `json:"tenant,omitempty"`
		Why    string `json:"why"`
	}
	type untested struct {
		Namespace   string   `json:"namespace"`
		Workload    string   `json:"workload"`
		Pods        int      `json:"pods"`
		Own         []string `json:"policiesOnlyItMeets,omitempty"`
		Probe       []string `json:"policiesOnlyAProbeMeets,omitempty"`
		HostNetwork bool     `json:"hostNetwork,omitempty"`
	}
	all := struct {
		Tenancy    string      `json:"tenancy"`
		Namespaces []namespace `json:"namespaces"`
		Untested   []untested  `json:"untested"`
		Shadows    []string    `json:"shadows"` // entries for the tenancy file
		Notes      []string    `json:"notes"`
	}{d.tenancy.Name, []namespace{}, []untested{}, append([]string{}, d.entries()...), append([]string{}, d.notes...)}
	for _, s := range d.standings {
		all.Namespaces = append(all.Namespaces, namespace{s.Namespace, string(s.Place), s.Tenant, s.Why})
	}
	for _, u := range d.untested {
		all.Untested = append(all.Untested, untested{u.Namespace, u.Workload, u.Pods, u.Own, u.Probe, u.Host})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(all)
}
