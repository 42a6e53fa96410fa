package runner

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/suites"
)

// What lies outside is in no namespace, and none is not all of them.
func TestASurveyIsOfTenantsNamespacesAlone(t *testing.T) {
	acme, globex := suites.Place{Tenant: "acme", Namespace: "web"}, suites.Place{Tenant: "globex", Namespace: "api"}
	plan := whole(
		suites.Attempt{From: acme, To: globex, Address: suites.PodIP},
		suites.Attempt{From: acme, To: suites.Place{Tenant: "internet"}, Out: true, Address: suites.ByAddress, Outside: "192.0.2.1"},
	)
	assert.Equal(t, []string{"api", "web"}, slices.Sorted(maps.Keys(surveyOf(plan).spaces)))
}
