package network

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func planOf(t *tenancy.Tenancy) []suites.Attempt {
	return Suite{Now: func() time.Time { return today }}.Plan(t, suites.Whole(t))
}

func twoTenants() *tenancy.Tenancy {
	return &tenancy.Tenancy{Tenants: []tenancy.Tenant{
		{Name: "acme", Namespaces: []string{"web"}},
		{Name: "globex", Namespaces: []string{"api", "db"}},
	}}
}

func tcp(n int) tenancy.Port { return tenancy.Port{Protocol: "tcp", Number: n} }

func TestPlanHasEveryPairOfNamespacesOnce(t *testing.T) {
	plan := planOf(twoTenants())
	require.Len(t, plan, 2*2*3*(3*4+3*2+1+1), "two directions, two pairs of namespaces, three cells, three ports by four addresses, three by two, an echo request, and SCTP")
	seen := map[string]bool{}
	for _, a := range plan {
		assert.False(t, seen[a.ID()], a.ID())
		seen[a.ID()] = true
		assert.NotEqual(t, a.From.Tenant, a.To.Tenant)
		assert.Equal(t, suites.Denied, a.Expect)
		assert.Equal(t, severityOf(a), a.Severity)
		assert.NotEmpty(t, a.Remedy)
	}
	for _, id := range []string{
		"network/http/acme.web->globex.api/target-0/service-name:8080/same-node/bare",
		"network/tcp/globex.db->acme.web/target-1/pod-ip:9007/cross-node/bare",
		"network/udp/acme.web->globex.db/target-0/pod-ip:9053/cross-node/bare",
		"network/sctp/acme.web->globex.db/target-1/pod-ip:9132/cross-node/bare",
	} {
		assert.True(t, seen[id], id)
	}
	assert.Equal(t, plan, planOf(twoTenants()), "the same tenancy, the same plan")
}

func severityOf(a suites.Attempt) tenancy.Severity {
	if a.Do == probes.DoICMP {
		return tenancy.Low
	}
	return tenancy.High
}

// Ports of the nodes are opened to whoever reaches one: only where that was
// asked for, one of each transport, and not for what a crossing gives to pods.
func TestNodePortsAreAskedFor(t *testing.T) {
	ten := twoTenants()
	ten.Crossings = []tenancy.Crossing{{From: "acme", To: "globex", Ports: []tenancy.Port{tcp(9007)}, Reason: "x"}}
	for _, a := range planOf(ten) {
		assert.False(t, a.Address.ByNode(), a.ID())
	}
	counts := map[string]int{}
	ids := map[string]bool{}
	plan := Suite{Now: func() time.Time { return today }, NodePorts: true}.Plan(ten, suites.Whole(ten))
	for _, a := range plan {
		ids[a.ID()] = true
	}
	for _, a := range plan {
		if a.Address.ByNode() {
			counts[a.To.Tenant+" "+string(a.Address)+" "+a.Port.String()]++
			assert.Equal(t, suites.Denied, a.Expect)
			assert.Contains(t, a.Remedy, "services.nodeports: 0")
			assert.True(t, ids[a.Beside()], a.ID())
		}
	}
	assert.Equal(t, map[string]int{
		"acme node-port tcp/9007": 6, "acme other-node-port tcp/9007": 6, "acme node-port udp/9053": 6, "acme other-node-port udp/9053": 6,
		"globex node-port udp/9053": 6, "globex other-node-port udp/9053": 6,
	}, counts)
}

// Where pods have two addresses the second is tried on whatever a policy may
// name by its port, but not for what a crossing gives.
func TestTheSecondAddress(t *testing.T) {
	ten := twoTenants()
	ten.Tenants[1].Ports = []tenancy.Port{tcp(5432)}
	ten.Crossings = []tenancy.Crossing{{From: "acme", To: "globex", Ports: []tenancy.Port{tcp(9007)}, Reason: "x"}}
	for _, a := range planOf(ten) {
		assert.NotEqual(t, suites.PodIP2, a.Address, a.ID())
	}
	ten.DualStack = true
	counts := map[string]int{}
	ids := map[string]bool{}
	for _, a := range planOf(ten) {
		assert.False(t, ids[a.ID()], a.ID())
		ids[a.ID()] = true
		if a.Address == suites.PodIP2 {
			counts[a.To.Tenant+" "+a.Port.String()]++
			assert.Equal(t, suites.Denied, a.Expect)
			assert.Contains(t, a.Remedy, "::/0")
		} else {
			assert.NotContains(t, a.Remedy, "::/0")
		}
	}
	assert.Equal(t, map[string]int{
		"acme tcp/8080": 6, "acme tcp/9007": 6, "acme udp/9053": 6, "acme icmp/0": 6,
		"globex tcp/8080": 6, "globex udp/9053": 6, "globex tcp/5432": 6, "globex icmp/0": 6,
	}, counts)
	assert.True(t, ids["network/tcp/acme.web->globex.db/target-1/pod-ip-2:5432/cross-node/bare"])
}

// Every attempt by name has one by address to stand beside it.
func TestEveryNameHasItsAddress(t *testing.T) {
	ids := map[string]bool{}
	for _, a := range planOf(twoTenants()) {
		ids[a.ID()] = true
	}
	for _, a := range planOf(twoTenants()) {
		assert.True(t, ids[a.Beside()], a.ID())
	}
}

func TestCrossings(t *testing.T) {
	for name, tc := range map[string]struct {
		crossing tenancy.Crossing
		allowed  map[string]int // by direction and port
		total    int
	}{
		"on a port of the probe's": {
			tenancy.Crossing{From: "acme", To: "globex", Ports: []tenancy.Port{tcp(8080)}, Reason: "x"},
			map[string]int{"acme>globex tcp/8080": 24}, 240,
		},
		"on a port of its own, which nobody else may use either": {
			tenancy.Crossing{From: "globex", To: "acme", Ports: []tenancy.Port{tcp(5432)}, Reason: "x"},
			map[string]int{"globex>acme tcp/5432": 12}, 252,
		},
		"expired yesterday": {
			tenancy.Crossing{From: "acme", To: "globex", Ports: []tenancy.Port{tcp(8080)}, Reason: "x", Expires: today.AddDate(0, 0, -1)},
			map[string]int{}, 240,
		},
		"from everybody": {
			tenancy.Crossing{From: "*", To: "globex", Ports: []tenancy.Port{{Protocol: "udp", Number: 9053}}, Reason: "x"},
			map[string]int{"acme>globex udp/9053": 24}, 240,
		},
	} {
		t.Run(name, func(t *testing.T) {
			ten := twoTenants()
			ten.Crossings = []tenancy.Crossing{tc.crossing}
			plan := planOf(ten)
			allowed := map[string]int{}
			for _, a := range plan {
				if a.Expect == suites.Allowed {
					allowed[a.From.Tenant+">"+a.To.Tenant+" "+a.Port.String()]++
					assert.Equal(t, "x", a.Reason)
				}
			}
			assert.Equal(t, tc.allowed, allowed)
			assert.Len(t, plan, tc.total)
		})
	}
}

// What a tenant's own objects name is tried on its targets, by the name that
// its containers give it; it is not tried on others'.
func TestPortsThatATenantUses(t *testing.T) {
	ten := twoTenants()
	globex := &ten.Tenants[1]
	globex.Ports = []tenancy.Port{tcp(5432), tcp(8080), {Protocol: "udp", Number: 53}}
	globex.PortNames = map[string]tenancy.PortNames{}
	for _, ns := range globex.Namespaces {
		globex.PortNames[ns] = tenancy.PortNames{tcp(5432): "pg", tcp(8080): "web"}
	}
	ten.Crossings = []tenancy.Crossing{{From: "acme", To: "globex", Ports: []tenancy.Port{tcp(5432)}, Reason: "x"}}
	names, counts := map[string]string{}, map[string]int{}
	for _, a := range planOf(ten) {
		key := a.To.Tenant + " " + a.Port.String()
		names[key] = a.PortName
		counts[key]++
	}
	assert.Equal(t, map[string]int{
		"acme icmp/0": 6, "globex icmp/0": 6, "acme sctp/9132": 6, "globex sctp/9132": 6,
		"acme tcp/8080": 24, "acme tcp/9007": 24, "acme udp/9053": 24, "acme tcp/9013": 12, "acme tcp/8443": 12, "acme tcp/8082": 12,
		"globex tcp/8080": 24, "globex tcp/9007": 24, "globex udp/9053": 24, "globex tcp/9013": 12, "globex tcp/8443": 12, "globex tcp/8082": 12, "globex tcp/5432": 12, "globex udp/53": 12,
	}, counts)
	assert.Equal(t, "pg", names["globex tcp/5432"])
	assert.Equal(t, "web", names["globex tcp/8080"])
	assert.Empty(t, names["acme tcp/8080"])
}

// Policies that go by names of ports meet each place by its own pods' names: a
// shadow by its workload's.
func TestPortNamesByPlace(t *testing.T) {
	ten := twoTenants()
	globex, ns := &ten.Tenants[1], ten.Tenants[1].Namespaces[0]
	globex.Ports = []tenancy.Port{tcp(8000), tcp(9000)}
	globex.PortNames = map[string]tenancy.PortNames{ns: {tcp(8000): "web"}, "elsewhere": {tcp(9000): "web"}}
	globex.Shadows = []tenancy.Shadow{{Namespace: ns, Workload: "Deployment/api", Identity: tenancy.Identity{
		PortNames: tenancy.PortNames{tcp(9000): "web", tcp(9001): "admin"}}}}
	names := map[string]string{}
	for _, a := range planOf(ten) {
		if a.To.Namespace == ns && a.Port.Number >= 8000 && a.Port.Number%1000 < 2 {
			names[a.To.Workload+" "+a.Port.String()] = a.PortName
		}
	}
	assert.Equal(t, map[string]string{
		" tcp/8000": "web", " tcp/9000": "", " tcp/9001": "",
		"Deployment/api tcp/8000": "", "Deployment/api tcp/9000": "web", "Deployment/api tcp/9001": "admin",
	}, names)
}

func TestSharedServices(t *testing.T) {
	ten := twoTenants()
	ten.Shared = []tenancy.Shared{{
		Name: "audit", Namespace: "platform", Service: "audit-svc", Tenants: []string{"acme"},
		Ports: []tenancy.Port{tcp(8080), {Protocol: "udp", Number: 514}},
	}}
	expect := map[string]suites.Expectation{}
	skipped := 0
	for _, a := range planOf(ten) {
		switch {
		case a.Service == "":
		case a.Skip != "":
			skipped++
		default:
			assert.Equal(t, probes.DoConnect, a.Do, "nothing is sent to a real service")
			expect[a.ID()] = a.Expect
		}
	}
	assert.Equal(t, 3, skipped, "UDP, from each namespace, said and not left out")
	assert.Equal(t, map[string]suites.Expectation{
		"network/tcp/acme.web->audit.platform/audit-svc/service-name:8080/any-node/bare":   suites.Allowed,
		"network/tcp/globex.api->audit.platform/audit-svc/service-name:8080/any-node/bare": suites.Denied,
		"network/tcp/globex.db->audit.platform/audit-svc/service-name:8080/any-node/bare":  suites.Denied,
	}, expect)
}

func TestSelection(t *testing.T) {
	registry := suites.Registry{Suite{}}
	ten := twoTenants()
	for name, tc := range map[string]struct {
		selection suites.Selection
		count     int
		err       string
	}{
		"everything":           {suites.Selection{}, 240, ""},
		"a check":              {suites.Selection{Checks: []string{"udp"}}, 48, ""},
		"a placement":          {suites.Selection{Placement: suites.SameNode}, 80, ""},
		"a tenant":             {suites.Selection{Tenants: []string{"acme"}}, 240, ""},
		"an id":                {suites.Selection{Only: []string{"network/http/acme.web->globex.api/target-0/pod-ip:8080/same-node/bare"}}, 1, ""},
		"a glob":               {suites.Selection{Only: []string{"network/*/acme.*"}}, 120, ""},
		"no such suite":        {suites.Selection{Suites: []string{"dns"}}, 0, `--suite: there is no "dns"; there is: network`},
		"no such check":        {suites.Selection{Checks: []string{"quic"}}, 0, `--check: there is no "quic"; there is: http, tcp, udp, banner, tls, h2c, icmp, sctp`},
		"no such placement":    {suites.Selection{Placement: "everywhere"}, 0, `--placement: "everywhere" is neither same-node nor cross-node`},
		"no such tenant":       {suites.Selection{Tenants: []string{"hooli"}}, 0, `--tenant: there is no "hooli"; there is: acme, globex`},
		"an id of nothing":     {suites.Selection{Only: []string{"network/*", "nothing"}}, 0, `--only "nothing" matches no attempt`},
		"an impossible choice": {suites.Selection{Checks: []string{"udp"}, Only: []string{"network/http/*"}}, 0, `matches no attempt`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.selection.Plan(registry, ten)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.count, got.Len())
			assert.Len(t, slices.Collect(got.All()), tc.count)
		})
	}
}
