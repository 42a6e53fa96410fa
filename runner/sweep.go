package runner

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

const (
	// sweepSize is how many addresses a sweep asks about, whatever the size of
	// the cluster.
	sweepSize = 32
	// sweepSure is how many of these are those of other tenants' probes, so
	// that what a sweep would find is known to be there.
	sweepSure = 8
	// sweepTries bounds the search for more addresses.
	sweepTries = 8 * sweepSize
)

// sweep is a sample of the range of Services, asked about one by one by
// somebody who is looking for the Services of others.
type sweep struct {
	tenant    string              // who asks
	owners    map[string]string   // the tenant of each namespace
	sure      map[netip.Addr]*pod // whose an address is known to be
	addresses []netip.Addr
}

// bindSweep finds the Services that a sweep is to come by, and the control: one
// of them, that its own tenant asks about.
func (b *binder) bindSweep(c *cell) {
	lot := lotOf(c.attempt.From)
	known := b.knownServices(c.attempt.From.Tenant)
	lot.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	near := slices.IndexFunc(known, func(q *pod) bool { return len(neighbours(q.place, q, c.source.node)) > 0 })
	if near < 0 {
		c.problem = "no other tenant has a probe with a Service that it could ask about itself from node " + c.source.node +
			", so that nothing is known of what there is to find"
		return
	}
	known[0], known[near] = known[near], known[0]
	c.sweep = &sweep{tenant: c.attempt.From.Tenant, owners: b.owners, sure: map[netip.Addr]*pod{}}
	for _, q := range known[:min(len(known), sweepSure)] {
		c.sweep.add(q.serviceIP(), q)
	}
	c.sweep.lookAround(lot)
	c.controls = b.ladder(reverseOf(c, known[0]))
}

// lotOf draws the same for the same place, in every run.
func lotOf(p suites.Place) *rand.Rand {
	sum := fnv.New64a()
	sum.Write([]byte(p.Where()))
	return rand.New(rand.NewPCG(sum.Sum64(), 0))
}

// knownServices are the targets of other tenants' namespaces, one of each,
// whose Services have an address.
func (b *binder) knownServices(not string) []*pod {
	var all []*pod
	for _, t := range b.tenancy.Tenants {
		for _, p := range b.byTenant[t.Name] {
			if t.Name != not && p.workload == "" && !p.proxied && p.problem == "" && p.pods[slotTarget0].serviceIP().IsValid() {
				all = append(all, p.pods[slotTarget0])
			}
		}
	}
	return all
}

// serviceIP is the address of the pod's Service; it is not valid where there is
// none.
func (q *pod) serviceIP() netip.Addr {
	ip, _ := netip.ParseAddr(q.cluster)
	return ip.Unmap()
}

// reverseOf is the question of a sweep that is about one target alone, for its
// own tenant to ask.
func reverseOf(c *cell, target *pod) *cell {
	a := *c.attempt
	a.Out, a.Lookup.Of = false, suites.ReverseRecord
	a.To = suites.Place{Tenant: target.place.tenant, Namespace: target.place.namespace}
	return &cell{attempt: &a, source: c.source, target: target}
}

func (w *sweep) add(ip netip.Addr, owner *pod) {
	if slices.Contains(w.addresses, ip) {
		return
	}
	w.addresses = append(w.addresses, ip)
	if owner != nil {
		w.sure[ip] = owner
	}
}

// lookAround fills the sample with addresses that differ from the known ones in
// the last byte: they are the range of Services for sure, wherever that ends.
func (w *sweep) lookAround(lot *rand.Rand) {
	known := slices.Clone(w.addresses)
	for i := 0; i < sweepTries && len(w.addresses) < sweepSize; i++ {
		bytes := known[i%len(known)].AsSlice()
		bytes[len(bytes)-1] = byte(lot.UintN(256))
		ip, _ := netip.AddrFromSlice(bytes)
		w.add(ip, nil)
	}
}

// aim has a shot ask about an address.
func (w *sweep) aim(s *shot, ip netip.Addr) {
	s.sweep, s.order.Host = w, reverseName(ip.String())
}

// sweepDraws are the questions of a sweep after the first.
func (p *part) sweepDraws(c *cell, round int) []*shot {
	var draws []*shot
	for _, ip := range c.sweep.addresses[1:] {
		s := p.cellShot(c, c.source, round)
		c.sweep.aim(s, ip)
		draws = append(draws, s)
	}
	return draws
}

// asked are all questions of a round.
func (c *cell) asked(round int) []*shot {
	return append([]*shot{c.shots[round]}, c.draws[round]...)
}

// sift reads an answer for what it tells of other tenants. What it says of
// anybody else, the cluster's own Services among them, is kept nowhere.
func (w *sweep) sift(s *shot) {
	s.told = ""
	if s.outcome != probes.Reached {
		return
	}
	var of []string
	known := w.sureOf(s.order.Host)
	for _, name := range s.observation.Answers {
		owner := w.ownerOf(name)
		switch {
		case owner != "":
			of = append(of, name)
		case known != nil && known.isTold(name): // however the resolver calls it
			owner = known.place.tenant
		}
		s.told = cmp.Or(s.told, owner)
	}
	s.observation.Answers = of
	if s.told == "" {
		s.outcome = probes.Unresolved
	}
}

// ownerOf is the other tenant that a name belongs to by its namespace, which
// stands before the label svc, after at least a Service's name.
func (w *sweep) ownerOf(name string) string {
	labels := strings.Split(strings.ToLower(name), ".")
	for i := 2; i < len(labels); i++ {
		if owner := w.owners[labels[i-1]]; labels[i] == "svc" && owner != w.tenant {
			return owner
		}
	}
	return ""
}

// sureOf is the target whose Service is known to have the address behind a
// reverse name; nil where none is.
func (w *sweep) sureOf(host string) *pod {
	for ip, target := range w.sure {
		if reverseName(ip.String()) == host {
			return target
		}
	}
	return nil
}

// decisiveOfSweep is the question that says most: the first that told of
// another tenant, or that failed by itself, or that was not answered.
func decisiveOfSweep(asked []*shot) *shot {
	best := asked[0]
	for _, s := range asked[1:] {
		if weight(s) > weight(best) {
			best = s
		}
	}
	return best
}

func weight(s *shot) int {
	switch {
	case s.outcome == probes.Reached:
		return 4
	case s.observation == nil:
		return 3
	case s.outcome == probes.Error:
		return 2
	case s.outcome == probes.Unresolved:
		return 0
	}
	return 1
}

// told are the tenants that the answers told of, in order.
func told(asked []*shot) []string {
	var all []string
	for _, s := range asked {
		if s.told != "" {
			all = append(all, s.told)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
