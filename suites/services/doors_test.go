package services

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func TestDoors(t *testing.T) {
	pg, web := tenancy.Port{Protocol: "tcp", Number: 5432}, tenancy.Port{Protocol: "tcp", Number: 80}
	ten := &tenancy.Tenancy{
		Tenants: []tenancy.Tenant{{Name: "acme", Namespaces: []string{"web"}}, {Name: "globex", Namespaces: []string{"db"}}},
		Services: []tenancy.Service{{
			Namespace: "db", Name: "pg", Ports: []tenancy.Port{pg, web}, HTTP: []tenancy.Port{web}, Observed: true,
			ExternalIPs: []string{"192.0.2.1", "2001:db8::1"}, Balancers: []string{"lb.example.com"}, NodePorts: map[tenancy.Port]int{web: 30080},
		}},
	}
	plan := func(on bool) map[string]suites.Attempt {
		all := map[string]suites.Attempt{}
		for _, a := range (Suite{On: on, Now: func() time.Time { return time.Unix(0, 0) }}).Plan(ten, suites.Whole(ten)) {
			all[a.ID()] = a
		}
		return all
	}
	got := plan(true)
	for id, skipped := range map[string]bool{
		"services/connect/acme.web->globex.db/pg/service-name:5432/any-node/bare":                 false,
		"services/connect/acme.web->globex.db/pg@192.0.2.1/external-ip:5432/any-node/bare":        false,
		"services/connect/acme.web->globex.db/pg@2001:db8::1/external-ip:5432/any-node/bare":      false,
		"services/connect/acme.web->globex.db/pg@lb.example.com/load-balancer:5432/any-node/bare": false,
		"services/connect/acme.web->globex.db/pg/node-port:5432/any-node/bare":                    true,
		"services/connect/acme.web->globex.db/pg/service-name:80/any-node/bare":                   false,
		"services/connect/acme.web->globex.db/pg@192.0.2.1/external-ip:80/any-node/bare":          false,
		"services/connect/acme.web->globex.db/pg@2001:db8::1/external-ip:80/any-node/bare":        false,
		"services/connect/acme.web->globex.db/pg@lb.example.com/load-balancer:80/any-node/bare":   false,
		"services/connect/acme.web->globex.db/pg/node-port:80/same-node/bare":                     false,
		"services/connect/acme.web->globex.db/pg/node-port:80/cross-node/bare":                    false,
		"services/head/acme.web->globex.db/pg/service-name:80/any-node/bare":                      false,
		"services/head/acme.web->globex.db/pg@192.0.2.1/external-ip:80/any-node/bare":             false,
		"services/head/acme.web->globex.db/pg@2001:db8::1/external-ip:80/any-node/bare":           false,
		"services/head/acme.web->globex.db/pg@lb.example.com/load-balancer:80/any-node/bare":      false,
		"services/head/acme.web->globex.db/pg/node-port:80/same-node/bare":                        false,
		"services/head/acme.web->globex.db/pg/node-port:80/cross-node/bare":                       false,
	} {
		a, ok := got[id]
		require.True(t, ok, id)
		assert.Equal(t, skipped, a.Skip != "", "%s: %s", id, a.Skip)
		assert.Equal(t, a.Address != suites.ServiceName, a.ByDoor(), id)
		assert.True(t, a.OneSided(), id)
		assert.True(t, got[a.Beside()].Stands(), "beside %s stands the one by name", id)
		assert.Equal(t, a.Check, got[a.Beside()].Check, id)
	}
	assert.Len(t, got, 17)

	for id, a := range plan(false) {
		assert.Contains(t, a.Skip, "opt-in", id)
	}
	ten.Services[0] = tenancy.Service{Namespace: "db", Name: "pg", Ports: []tenancy.Port{pg}}
	for _, a := range plan(true) {
		if a.ByDoor() {
			assert.Contains(t, a.Skip, "was not found", a.ID())
		}
	}
	ten.Crossings = []tenancy.Crossing{{From: "acme", To: "globex", Ports: []tenancy.Port{pg}}}
	assert.Len(t, plan(true), 1, "what a crossing gives it gives by the Service's own address")
}
