package policies

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a policy lets in by labels that no probe has is told, as far as it can
// be of another tenant.
func TestUnmet(t *testing.T) {
	for name, tc := range map[string]struct {
		spec string
		want []Unmet
	}{
		"by labels, of all namespaces": {`{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {role: frontend}}}]}]}`,
			[]Unmet{{"a", "p", "role=frontend", []string{"b"}}}},
		"by labels, of a tenant": {`{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {tenant: globex}}, podSelector: {matchExpressions: [{key: role, operator: Exists}]}}]}]}`,
			[]Unmet{{"a", "p", "role", []string{"b"}}}},
		"of its own":         {`{policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {role: frontend}}}]}]}`, nil},
		"of its own tenant":  {`{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {tenant: acme}}, podSelector: {matchLabels: {role: frontend}}}]}]}`, nil},
		"that a pod has":     {`{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]}`, nil},
		"any pod":            {`{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}`, nil},
		"any pod, in words":  {`{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {}}]}]}`, nil},
		"a rule without use": {`{policyTypes: [Egress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {role: frontend}}}]}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := read(t, true, map[string]string{"p": tc.spec})
			assert.Equal(t, tc.want, s.Unmet([]Pod{db, web}, func(own, other string) bool { return own != other }))
			assert.Empty(t, s.Unmet([]Pod{db, web}, func(string, string) bool { return false }))
		})
	}
	var unread *Set
	assert.Empty(t, unread.Unmet([]Pod{web}, func(string, string) bool { return true }))
}
