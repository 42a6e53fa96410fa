package verdicts

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPolicyChanges(t *testing.T) {
	of := func(digests ...string) *Policies {
		p := &Policies{List: []Policy{}}
		for i, d := range digests {
			if d != "" {
				p.List = append(p.List, Policy{Namespace: "a", Name: fmt.Sprintf("p%02d", i), Digest: d})
			}
		}
		return p
	}
	unknown := []string{"whether NetworkPolicies changed between the two is not known: not both runs read all of them"}
	assert.Empty(t, policyChanges(nil, nil))
	assert.Equal(t, unknown, policyChanges(nil, of("x")))
	assert.Equal(t, unknown, policyChanges(of("x"), nil))
	assert.Equal(t, []string{"the NetworkPolicies of the tenants' namespaces say the same in both"}, policyChanges(of("x", "y"), of("x", "y")))
	assert.Equal(t, []string{
		"NetworkPolicies deleted between the two: a/p00",
		"NetworkPolicies changed between the two: a/p01",
		"NetworkPolicies created between the two: a/p03",
	}, policyChanges(of("x", "y", "z"), of("", "Y", "z", "n")))
	many := make([]string, 13)
	for i := range many {
		many[i] = "x"
	}
	assert.Equal(t, []string{"NetworkPolicies created between the two: a/p00, a/p01, a/p02, a/p03, a/p04, a/p05, a/p06, a/p07, a/p08, a/p09 and 3 more"},
		policyChanges(of(), of(many...)))
}
