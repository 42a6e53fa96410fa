package runner

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/dns"
	"github.com/partywall/partywall/verdicts"
)

// resolver answers like a cluster's: by the names of Services.
type resolver struct {
	*world
	// may says whether a tenant is told of an address of a namespace.
	may func(from, of string) bool
	// others is what lies at addresses that no probe has.
	others string
	// code is an answer that is none, to one in so many.
	code  func(from *fakeProbe, o probes.Order) string
	named string // how Services are called, if not as in a cluster
	made  bool   // what it has no name for gets one of its address
}

func (r *resolver) resolve(from *fakeProbe, o probes.Order, seen *probes.Observation) {
	code, name := "NXDOMAIN", ""
	for _, f := range r.pods {
		if f.cluster != "" && reverseName(f.cluster) == o.Host && r.may(from.namespace, f.namespace) {
			code, name = "NOERROR", f.host+".cluster.local."
			if r.named != "" {
				name = r.named
			}
		}
	}
	if name == "" && r.others != "" && len(r.ownersOf(o.Host)) == 0 {
		code, name = "NOERROR", r.others
	}
	if name == "" && r.made {
		code, name = "NOERROR", "ip-"+strings.ReplaceAll(strings.TrimSuffix(o.Host, ".in-addr.arpa."), ".", "-")+".svc.internal."
	}
	if r.code != nil {
		if c := r.code(from, o); c != "" {
			code, name = c, ""
		}
	}
	if code == "silence" {
		return
	}
	seen.Phase, seen.Timeout, seen.RCode = probes.PhaseDone, false, code
	if name != "" {
		seen.Answers = []string{name}
	}
}

func (r *resolver) ownersOf(host string) []string {
	var all []string
	for _, f := range r.pods {
		if f.cluster != "" && reverseName(f.cluster) == host {
			all = append(all, f.namespace)
		}
	}
	return all
}

func TestSweeps(t *testing.T) {
	t.Parallel()
	everybody := func(string, string) bool { return true }
	itself := func(from, of string) bool { return from == of }
	of := func(ns, code string) func(*fakeProbe, probes.Order) string {
		return func(f *fakeProbe, o probes.Order) string {
			if f.namespace == ns && strings.HasPrefix(o.ID, "dns/sweep/") {
				return code
			}
			return ""
		}
	}
	for _, c := range []struct {
		name string
		set  func(*resolver)
		want verdicts.Verdict // of what t1 asks
		why  string
	}{
		{"a resolver that tells everybody", func(r *resolver) { r.may = everybody }, verdicts.Leak, "t1 learned of Services of t2, t3 by asking"},
		{"a resolver that tells each of its own", func(r *resolver) { r.may = itself }, verdicts.Unreached, "at 32 addresses"},
		{"and of the cluster's own", func(r *resolver) { r.others = "kube-dns.kube-system.svc.cluster.local." }, verdicts.Unreached, ""},
		{"and of a shared namespace's", func(r *resolver) { r.others = "t2.shared.svc.cluster.local." }, verdicts.Unreached, ""},
		{"but of one tenant's real Service", func(r *resolver) { r.others = "db.t3.svc.cluster.local." }, verdicts.Leak, "t1 learned of Services of t3 by"},
		{"but of its pods by name", func(r *resolver) { r.others = "PG-0.db.T3.svc.svc.example." }, verdicts.Leak, "t1 learned of Services of t3 by"},
		{"and of its own at others", func(r *resolver) { r.others = "db.t1.svc.cluster.local." }, verdicts.Unreached, ""},
		{"a resolver with names of its own", func(r *resolver) { r.may, r.named = everybody, "x1.corp.example." }, verdicts.Leak, "t2, t3"},
		{"a resolver that makes names of addresses", func(r *resolver) { r.may, r.made = itself, true }, verdicts.Unreached, "at 32 addresses"},
		{"no answer to it", func(r *resolver) { r.code = of("t1", "silence") }, verdicts.Unreached, "dropped without an answer"},
		{"refusals to it", func(r *resolver) { r.code = of("t1", "REFUSED") }, verdicts.Unreached, "refused"},
		{"failures", func(r *resolver) { r.code = of("t1", "SERVFAIL") }, verdicts.Inconclusive, "the attempt itself failed"},
		{"a failure at one address", func(r *resolver) {
			odd := ""
			r.code = func(f *fakeProbe, o probes.Order) string {
				if odd == "" && f.namespace == "t1" && o.Round == 1 && strings.HasPrefix(o.ID, "dns/sweep/") {
					odd = o.Host
				}
				if f.namespace == "t1" && o.Host == odd {
					return "SERVFAIL"
				}
				return ""
			}
		}, verdicts.Inconclusive, "the attempt itself failed"},
		{"no such records", func(r *resolver) { r.may = func(string, string) bool { return false } }, verdicts.Skipped, "not even to the owner"},
		{"no resolver", func(r *resolver) { r.code = func(*fakeProbe, probes.Order) string { return "silence" } }, verdicts.Inconclusive, "may not have been able to answer"},
		{"a resolver that is gone in the second round", func(r *resolver) {
			r.code = func(_ *fakeProbe, o probes.Order) string {
				if o.Round == 2 {
					return "silence"
				}
				return ""
			}
		}, verdicts.Inconclusive, "may not have been able to answer"},
		{"a leak once", func(r *resolver) {
			r.code = func(f *fakeProbe, o probes.Order) string {
				r.others = ""
				if f.namespace == "t1" && o.Round == 2 {
					r.others = "db.t3.svc.cluster.local."
				}
				return ""
			}
			r.others = ""
		}, verdicts.Leak, "t3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, spool := sweepingWorld(t, c.set)
				results, e := w.run(t.Context())
				w.requireClean(e)
				require.Len(t, results, 3, "one a place")
				r := results["dns/sweep/t1.t1->service-range/sample/resolver:53/any-node/bare"]
				require.Equal(t, c.want, r.Verdict, r.Why)
				require.Contains(t, r.Why, c.why)
				for _, stranger := range []string{"kube-dns", "shared"} {
					require.NotContains(t, spool.String(), stranger, "what is no tenant's is kept nowhere")
				}
			})
		})
	}
}

// sweepingWorld has three tenants who sweep, and a spool.
func sweepingWorld(t *testing.T, set func(*resolver)) (*world, *strings.Builder) {
	tenants := tenantsOf("t1", "t2", "t3")
	w := newWorld(t, tenants)
	w.attempts = nil
	for _, a := range (dns.Suite{}).Plan(tenants, suites.Whole(tenants)) {
		if a.Sweeps() {
			w.attempts = append(w.attempts, a)
		}
	}
	r := &resolver{world: w, may: func(from, of string) bool { return from == of }}
	set(r)
	w.fakeNet.resolve = r.resolve
	spool := &strings.Builder{}
	w.opts.Observed = func(o any) { require.NoError(t, json.NewEncoder(spool).Encode(o)) }
	return w, spool
}

// The sample is bounded, the same for the same place, and has what is known to
// be there in it.
func TestTheSampleOfASweep(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][]string{"v4": {"10.96.3.4", "10.96.200.7"}, "v6": {"fd00:10:96::3:4", "fd00:10:96::c8:7"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sample := func() *sweep {
				w := &sweep{sure: map[netip.Addr]*pod{}}
				for _, a := range addresses {
					w.add(netip.MustParseAddr(a), &pod{})
				}
				w.lookAround(lotOf(suites.Place{Namespace: "web"}))
				return w
			}
			w := sample()
			assert.Equal(t, w.addresses, sample().addresses)
			assert.Len(t, w.addresses, sweepSize)
			assert.Len(t, w.sure, len(addresses))
			seen := map[netip.Addr]bool{}
			for _, ip := range w.addresses {
				assert.False(t, seen[ip])
				seen[ip] = true
				near := 0
				for _, a := range addresses {
					known, _ := netip.MustParseAddr(a).Prefix(ip.BitLen() - 8)
					if known.Contains(ip) {
						near++
					}
				}
				assert.Equal(t, 1, near, ip)
			}
		})
	}
}

// Alone, as it is asked for again by its id, a sweep still comes by somebody's
// Services; and where nobody else has any, it proves nothing.
func TestASweepAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := sweepingWorld(t, func(r *resolver) { r.may = func(string, string) bool { return true } })
		w.attempts = w.attempts[:1]
		results, _ := w.run(t.Context())
		for _, r := range results {
			require.Equal(t, verdicts.Leak, r.Verdict, r.Why)
		}
	})
	tenants := tenantsOf("t1", "t2")
	broken := standing("t2", "t2", "a", "b", "a")
	broken.fail("no quota")
	plan := dns.Suite{}.Plan(tenants, suites.Part{From: tenants.Tenants[:1], Rest: true})
	c := bound(tenants, false, plan, standing("t1", "t1", "a", "b", "a"), broken).cells[0]
	assert.Contains(t, c.problem, "no other tenant has a probe with a Service")
}

func TestNamesMadeOfAddresses(t *testing.T) {
	t.Parallel()
	at := func(ip string) *pod {
		return &pod{place: &place{tenant: "globex", namespace: "globex-pay"}, job: "partywall-12-target-0", cluster: ip}
	}
	for name, told := range map[string]bool{
		"ip-10-96-3-14.eu-central-1.compute.internal.":   false,
		"14.3.96.10.static.example.":                     false,
		"host10-96-3-14.example.":                        false,
		"010-096-003-014.internal.":                      false,
		"ip-0a60030e.internal.":                          false,
		"svc-7-10-96-3-14-9.example.":                    false,
		"web.globex.svc.cluster.local.":                  true,
		"x1.corp.example.":                               true,
		"ip-10-96-3-141.internal.":                       true,
		"db10.96-3.example.":                             true,
		"globex-10-96-3-14.corp.example.":                true,
		"10-96-3-14.globex.pay.example.":                 true,
		"svc-7-10-96-3-14-9.Globex-Pay.corp.example.":    true,
		"10-96-3-14.partywall-12-target-0.corp.example.": true,
		"ip-10-96-3-14.globexpay-and-others.example.":    false,
	} {
		require.Equal(t, told, at("10.96.3.14").isTold(name), name)
	}
	for name, told := range map[string]bool{
		"fd00-0010-0096-0000-0000-0000-0000-003f.ip6.internal.": false,
		"fd00-10-96--3f.ip6.internal.":                          false,
		"fd00001000960000000000000000003f.internal.":            false,
		"cafe.globex.svc.cluster.local.":                        true,
		"fd00-10-96--40.ip6.internal.":                          true,
	} {
		require.Equal(t, told, at("fd00:10:96::3f").isTold(name), name)
	}
}

// One made name among others hides nothing.
func TestSiftReadsEveryName(t *testing.T) {
	t.Parallel()
	q := &pod{place: &place{tenant: "globex", namespace: "pay"}, job: "p", cluster: "10.96.3.14"}
	w := &sweep{tenant: "acme", owners: map[string]string{"pay": "globex"}, sure: map[netip.Addr]*pod{q.serviceIP(): q}}
	for _, names := range [][]string{{"ip-10-96-3-14.internal.", "payroll.corp.example."}, {"payroll.corp.example.", "ip-10-96-3-14.internal."}} {
		s := &shot{order: probes.Order{Host: reverseName("10.96.3.14")}, outcome: probes.Reached, observation: &probes.Observation{Answers: names}}
		w.sift(s)
		require.Equal(t, "globex", s.told)
	}
}

// A name that is made of the address tells nobody whose it is, be it asked for
// one by one.
func TestReverseNamesMadeOfAddresses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(*resolver)
		want verdicts.Verdict
	}{
		"told each of its own, and made for others": {func(r *resolver) { r.made = true }, verdicts.Unreached},
		"made for all": {func(r *resolver) { r.made, r.may = true, func(string, string) bool { return false } }, verdicts.Skipped},
		"told all":     {func(r *resolver) { r.made, r.may = true, func(string, string) bool { return true } }, verdicts.Leak},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := sweepingWorld(t, tc.set)
				w.attempts = nil
				for _, a := range (dns.Suite{}).Plan(w.tenancy, suites.Whole(w.tenancy)) {
					if a.Check == "reverse" {
						w.attempts = append(w.attempts, a)
					}
				}
				results, e := w.run(t.Context())
				w.requireClean(e)
				require.Len(t, results, 6)
				for id, r := range results {
					require.Equal(t, tc.want, r.Verdict, "%s: %s", id, r.Why)
				}
			})
		})
	}
}
