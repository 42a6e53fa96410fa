package suites

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/tenancy"
)

type fakeSuite struct{ name string }

func (s fakeSuite) Name() string                        { return s.name }
func (fakeSuite) Checks() []string                      { return []string{"a", "b"} }
func (fakeSuite) Plan(*tenancy.Tenancy, Part) []Attempt { return nil }

func TestRegrade(t *testing.T) {
	registry := Registry{fakeSuite{"one"}, fakeSuite{"two"}}
	plan := []Attempt{
		{Suite: "one", Check: "a", Severity: tenancy.High}, {Suite: "one", Check: "b", Severity: tenancy.High},
		{Suite: "two", Check: "a", Severity: tenancy.High},
	}
	ten := &tenancy.Tenancy{Path: "t.yaml", Severities: []tenancy.CheckSeverity{
		{Check: "one/*", Severity: tenancy.Low}, {Check: "one/b", Severity: tenancy.Critical}, {Check: "two/b", Severity: tenancy.Info},
	}}
	require.NoError(t, registry.checkSeverities(ten))
	regrade(plan, ten)
	assert.Equal(t, tenancy.Low, plan[0].Severity)
	assert.Equal(t, tenancy.Critical, plan[1].Severity, "the last that covers it")
	assert.Equal(t, tenancy.High, plan[2].Severity)

	ten.Severities = append(ten.Severities, tenancy.CheckSeverity{Check: "one/c", Severity: tenancy.Low, Line: 7})
	require.EqualError(t, registry.checkSeverities(ten), `t.yaml:7: severities: there is no check "one/c"; there is: one/a, one/b, two/a, two/b`)
}
