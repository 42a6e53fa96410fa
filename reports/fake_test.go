package reports

import (
	"fmt"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

var began = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// fakeRun is a run of n tenants and one shared service with a bit of
// everything in it: a tenant that leaks over TCP to the next, one that is
// broken, one without evidence.
func fakeRun(n int) *verdicts.Record {
	rec := &verdicts.Record{Results: verdicts.List{}, Header: verdicts.Header{
		APIVersion: APIVersion, Kind: Kind, Run: "7c1f9a", Version: "0.1.0", Tenancy: "staging",
		Context: "kind-staging", Server: "v1.37.2", Components: []string{"Cilium v1.20.2", "Istio"}, Identity: "ci", Image: "ghcr.io/partywall/probe:0.1.0",
		Started: began, FailOn: "high", Shared: []string{"audit"},
	}}
	for i := range n {
		rec.Header.Tenants = append(rec.Header.Tenants, verdicts.TenantRow{Name: tenantName(i), Namespaces: []string{"web"}})
	}
	for i := range n {
		for j := range n {
			if i != j {
				rec.Results = append(list(rec), fakePair(i, j, n)...)
			}
		}
		r := fakeResult(tenantName(i), "audit", "tcp", 0)
		r.Service, r.Verdict, r.Expect, r.Why = "audit-svc", verdicts.Allowed, suites.Allowed, "a declared shared service answered"
		rec.Results = append(list(rec), r)
	}
	rec.Summary = summarise(rec)
	return rec
}

func fakePair(i, j, n int) []verdicts.Result {
	var list []verdicts.Result
	for k := range 18 {
		check := []string{"http", "tcp", "udp"}[k%3]
		r := fakeResult(tenantName(i), tenantName(j), check, k)
		switch {
		case i == 0 && j == 1 && check == "tcp":
			leaks(&r)
		case i == 1 && j == 0 && k < 2:
			r.Verdict, r.Expect, r.Fails, r.Why = verdicts.Broken, suites.Allowed, true, "the crossing is declared, and nothing answered"
		case i == 2 && j == 0 && k < 3:
			r.Verdict, r.Why = verdicts.Inconclusive, "the same port did not answer its control either"
		case i == 2 && j == 1 && k < 2:
			r.Verdict, r.Why = verdicts.Allowed, "declared, and works"
		case n > 3 && i == 3 && j == 0 && k == 0:
			leaks(&r)
			r.Severity, r.Fails = "low", false
		case n > 3 && i == 4 && j == 0 && k == 0:
			leaks(&r)
			r.Verdict, r.Fails = verdicts.Excepted, false
			r.Exception = &verdicts.Exception{Owner: "network-team", Reason: "split-horizon DNS lands in Q2", Expires: "2027-03-31"}
		}
		list = append(list, r)
	}
	return list
}

func leaks(r *verdicts.Result) {
	r.Verdict, r.Outcome, r.Fails = verdicts.Leak, probes.Reached, true
	r.Why = fmt.Sprintf("%s reached %s over TCP: the genuine target answered", r.From.Tenant, r.To.Tenant)
	r.Remedy = "in namespace web, let a NetworkPolicy that selects every pod (podSelector: {}) allow TCP ingress on port 9007 from its own tenant's namespaces only"
}

func fakeResult(from, to, check string, k int) verdicts.Result {
	id := fmt.Sprintf("network/%s/%s.web->%s.web/target-%d/service-name:9007/cross-node/bare", check, from, to, k)
	return verdicts.Result{
		ID: id, Suite: "network", Check: check,
		From:    verdicts.Side{Tenant: from, Namespace: "web", Pod: "partywall-7c1f9a-a", Node: "node1"},
		To:      verdicts.Side{Tenant: to, Namespace: "web", Pod: "partywall-7c1f9a-b", Node: "node2"},
		Address: suites.ServiceName, Protocol: "tcp", Port: 9007, Placement: suites.CrossNode,
		Expect: suites.Denied, Verdict: verdicts.Isolated, Outcome: probes.Dropped, Grade: verdicts.TwoSided, Severity: "high",
		Evidence: verdicts.Evidence{Rounds: []verdicts.Round{
			{At: began.Add(time.Second), Outcome: probes.Dropped, Phase: probes.PhaseConnect, Error: "i/o timeout", MS: 3500.4,
				Control: verdicts.Control{Before: probes.Reached, During: probes.Reached, After: probes.Reached, Rung: verdicts.RungSameNamespace}},
			{At: began.Add(12 * time.Second), Outcome: probes.Dropped, MS: 3500.3},
		}},
		Why:   "no packet of two attempts, 10 s apart, reached the target",
		Rerun: "partywall run --only '" + id + "' --keep",
	}
}

var names = []string{"acme", "globex", "umbrella", "initech", "hooli", "stark-industries", "wayne-enterprises", "wonka",
	"tyrell", "cyberdyne", "soylent", "massive-dynamic"}

func tenantName(i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("team-%03d", i)
}

func summarise(rec *verdicts.Record) verdicts.Summary {
	s := verdicts.Summary{Finished: began.Add(time.Minute), Counts: map[verdicts.Verdict]int{}, Exit: 1,
		Sensitivity: verdicts.Sensitivity{Controls: 144, Reached: 144}}
	for i := range list(rec) {
		s.Counts[list(rec)[i].Verdict]++
		if list(rec)[i].Fails {
			s.Failures++
		}
	}
	return s
}

// list is the results of a record in memory.
func list(rec *verdicts.Record) verdicts.List {
	all, _ := rec.Results.(verdicts.List)
	return all
}
