package services

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

// What does not lead to a tenant's pods is no way to them, and said.
func TestAServiceThatLeadsElsewhere(t *testing.T) {
	tcp := tenancy.Port{Protocol: "tcp", Number: 80}
	ten := &tenancy.Tenancy{
		Tenants: []tenancy.Tenant{{Name: "acme", Namespaces: []string{"web"}}, {Name: "globex", Namespaces: []string{"db"}}},
		Services: []tenancy.Service{{
			Namespace: "db", Name: "pg", Ports: []tenancy.Port{tcp}, Observed: true, HTTP: []tenancy.Port{tcp}, ExternalIPs: []string{"192.0.2.1"},
			NoWay: map[tenancy.Port]string{tcp: "it leads elsewhere"},
		}},
	}
	plan := Suite{On: true}.Plan(ten, suites.Whole(ten))
	require.Len(t, plan, 1)
	assert.Equal(t, "it leads elsewhere", plan[0].Skip)
}

func TestPlan(t *testing.T) {
	tcp := tenancy.Port{Protocol: "tcp", Number: 5432}
	ten := &tenancy.Tenancy{
		Tenants: []tenancy.Tenant{
			{Name: "acme", Namespaces: []string{"web"}}, {Name: "globex", Namespaces: []string{"api", "db"}}, {Name: "initech", Namespaces: []string{"i"}},
		},
		Services:  []tenancy.Service{{Namespace: "db", Name: "pg", Ports: []tenancy.Port{tcp, {Protocol: "udp", Number: 53}}}},
		Crossings: []tenancy.Crossing{{From: "acme", To: "globex", Ports: []tenancy.Port{tcp}, Reason: "replica"}},
	}
	plan := Suite{On: true, Now: func() time.Time { return time.Unix(0, 0) }}.Plan(ten, suites.Whole(ten))
	plan = slices.DeleteFunc(plan, suites.Attempt.ByDoor)
	require.Len(t, plan, 2*2, "two other tenants, two ports")
	expect := map[string]suites.Expectation{}
	for _, a := range plan {
		assert.Equal(t, probes.DoFirst, a.Do, "nothing is sent")
		assert.True(t, a.OneSided())
		assert.Equal(t, a.Port.Protocol == "udp", a.Skip != "")
		assert.Equal(t, []suites.Place{{Tenant: "globex", Namespace: "api"}, {Tenant: "globex", Namespace: "db"}}, a.Admitted)
		if a.Skip == "" {
			expect[a.ID()] = a.Expect
		}
	}
	assert.Equal(t, map[string]suites.Expectation{
		"services/connect/acme.web->globex.db/pg/service-name:5432/any-node/bare":  suites.Allowed,
		"services/connect/initech.i->globex.db/pg/service-name:5432/any-node/bare": suites.Denied,
	}, expect)

	ten.Services[0].HTTP = []tenancy.Port{tcp}
	heads := 0
	for _, a := range (Suite{On: true, Now: func() time.Time { return time.Unix(0, 0) }}).Plan(ten, suites.Whole(ten)) {
		if a.Check == "head" && !a.ByDoor() {
			heads++
			assert.Equal(t, probes.DoHead, a.Do)
			assert.Equal(t, tcp, a.Port)
		}
	}
	assert.Equal(t, 1, heads, "beside the connection, of the port that says so, by the tenant that no crossing lets in")

	for _, a := range (Suite{}).Plan(ten, suites.Whole(ten)) {
		assert.NotEmpty(t, a.Skip, "real Services are tried only where the user asks for it")
	}
}
