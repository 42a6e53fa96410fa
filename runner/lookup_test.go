package runner

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/dns"
	"github.com/partywall/partywall/verdicts"
)

func TestLookupNames(t *testing.T) {
	t.Parallel()
	q := standing("t1", "web", "a", "b", "a").pods[slotTarget1]
	q.ips, q.cluster = []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("10.0.2.7")}, "10.96.3.4"
	for of, want := range map[suites.Record]string{
		suites.ServiceRecord:  "partywall-0123abcd-target-1.web.svc",
		suites.PortRecord:     "_tcp-9007._tcp.partywall-0123abcd-target-1.web.svc",
		suites.HeadlessRecord: "target-1.partywall-0123abcd-pods.web.svc",
		suites.PodRecord:      "10-0-2-7.web.pod",
		suites.MixedRecord:    "PaRtYwAlL-0123AbCd-tArGeT-1.WeB.svc",
		suites.WildcardRecord: "*.web.svc",
		suites.SearchRecord:   "partywall-0123abcd-target-1.web.svc",
		suites.ReverseRecord:  "4.3.96.10.in-addr.arpa.",
	} {
		assert.Equal(t, want, q.lookupName(suites.Lookup{Of: of}))
	}
	assert.Equal(t, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", reverseName("2001:db8::1"))
	assert.Empty(t, reverseName("None"))
}

// Every question is also put by the tenant whose names they are, from the same
// node; what is asked of a resolver is nobody's arrival at a target.
func TestLookupsAreBoundAndControlled(t *testing.T) {
	t.Parallel()
	tenants := tenantsOf("t1", "t2")
	tenants.Promises.Egress.Resolvers = []string{"192.0.2.53"}
	attempts := dns.Suite{}.Plan(tenants, suites.Whole(tenants))
	one, two := standing("t1", "t1", "a", "b", "a"), standing("t2", "t2", "a", "b", "a")
	one.pods[slotTarget0].cluster, two.pods[slotTarget0].cluster = "10.96.0.21", "10.96.0.22"
	r := bound(tenants, false, attempts, one, two)
	require.Len(t, r.cells, len(attempts))
	for i, c := range r.cells {
		require.Empty(t, c.problem)
		require.Len(t, c.controls, 1)
		assert.Equal(t, verdicts.RungSameNamespace, c.controls[0].kind)
		control := c.controls[0].control
		assert.Equal(t, c.source.node, control.source.node)
		shot, ask := r.cellShot(c, c.source, 1), r.controlShot(control, 1, time.Second)
		for _, s := range []probes.Order{shot.order, ask.order} {
			assert.Equal(t, probes.DoDNS, s.Do)
			assert.Equal(t, attempts[i].Lookup.Type, s.Type)
			assert.Equal(t, attempts[i].Lookup.Over, s.Over)
			assert.Equal(t, attempts[i].Check == "outside-resolver", s.Server == "192.0.2.53")
			assert.Equal(t, attempts[i].Check == "search", s.Search)
			assert.Empty(t, s.Token)
		}
		assert.Equal(t, shot.order.Host, ask.order.Host, "the same question")
		assert.Nil(t, shot.target)
		assert.Nil(t, ask.target)
	}
	assert.Len(t, surveyOf(whole(attempts...)).places[0].ports, len(ownPorts), "no target listens for what a resolver is asked")
	_, controls := r.evidence()
	for _, k := range controls {
		assert.NotEqual(t, "dns", k.Attempt.Check, "a resolver's answer does not prove that leaks would be seen")
	}
}
