package runner

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/partywall/partywall/policies"
	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// readPolicies takes down the policies as they are before the first attempt,
// which tell afterwards why one got through: where they changed since the
// lookout began, nothing is told. It reads while the probes start, and returns
// what waits for it.
func (r *run) readPolicies(ctx context.Context) (wait func()) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		r.policies = policies.Read(ctx, r.cluster.Client, slices.Sorted(maps.Keys(r.spaces)))
	})
	return reading.Wait
}

// policiesSeen is what a record keeps of the policies.
func (r *run) policiesSeen() *verdicts.Policies {
	digests, ok := r.policies.Digests()
	if !ok {
		return nil
	}
	seen := &verdicts.Policies{List: []verdicts.Policy{}}
	for _, d := range digests {
		seen.List = append(seen.List, verdicts.Policy{Namespace: d.Namespace, Name: d.Name, Digest: "sha256:" + d.SHA256})
	}
	return seen
}

// causeOf says why the cluster's policies let an attempt through, which the
// caller knows that it was; empty where they do not tell. A resolver's answers
// are not theirs to keep, and of a real Service the pods are not known.
func (p *part) causeOf(c *cell) string {
	a := c.attempt
	if c.source == nil || a.Asks() || a.Do.Inward() || p.unsettledBetween(a.From.Namespace, a.To.Namespace) != "" {
		return ""
	}
	port := a.Port
	if a.Do == probes.DoICMP {
		port = tenancy.Port{Protocol: "icmp"}
	}
	switch {
	case a.Out:
		return p.policies.LetsOut(c.source.inPolicies(), p.outsideOf(c), port)
	case c.target == nil:
		return ""
	case a.Address.ByNode():
		return p.policies.LetsIn(p.anyNode(), c.target.inPolicies(), port)
	}
	return p.policies.LetsIn(c.source.inPolicies(), c.target.inPolicies(), port)
}

// noteUnmet says what policies let in of other tenants by labels that no probe
// there has: neither the namespaces' own nor a shadow sees it.
func (r *run) noteUnmet() {
	var pods []policies.Pod
	tenants := map[string]string{}
	for _, p := range r.places {
		for _, q := range p.pods {
			if q != nil {
				pods = append(pods, q.inPolicies())
				tenants[p.namespace] = p.tenant
			}
		}
	}
	strangers := func(own, other string) bool {
		return tenants[own] != "" && tenants[own] != tenants[other]
	}
	for _, u := range r.policies.Unmet(pods, strangers) {
		r.note(fmt.Sprintf("NetworkPolicy %s of namespace %s lets in pods of %s by labels that no probe there has (%s): what they reach is not tried; "+
			"a shadow of a workload with these labels tries it", u.Policy, u.Namespace, strings.Join(u.From, ", "), u.Labels))
	}
}

// inPolicies is what policies go by in a probe.
func (q *pod) inPolicies() policies.Pod {
	return policies.Pod{Namespace: q.place.namespace, Labels: q.labels, IPs: q.ips, Ports: q.ports}
}

// anyNode is whom a target sees where a node has put an address of its own in
// place of the source's.
func (r *run) anyNode() policies.Pod {
	var pod policies.Pod
	for _, ip := range r.nodes.internal {
		pod.IPs = append(pod.IPs, ip)
	}
	return pod
}

// outsideOf is the far end of an attempt on what is no tenant's, as far as its
// address is known.
func (p *part) outsideOf(c *cell) policies.Pod {
	if c.attempt.Address == suites.ByName || len(c.shots) == 0 {
		return policies.Pod{}
	}
	ip, err := netip.ParseAddr(c.shots[0].order.Host)
	if err != nil {
		return policies.Pod{}
	}
	return policies.Pod{IPs: []netip.Addr{ip.Unmap()}}
}
