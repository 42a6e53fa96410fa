package manifests

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// names are the objects of a manifest, as KIND NAMESPACE/NAME.
func names(t *testing.T, text []byte) []string {
	t.Helper()
	var all []string
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o unstructured.Unstructured
		err := documents.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
	}
}

func TestRoles(t *testing.T) {
	account := names(t, read("roles/runner.yaml"))
	tests := []struct {
		name  string
		roles Roles
		more  []string
	}{
		{"the account", Roles{}, nil},
		{"namespaces", Roles{Namespaces: []string{"acme", "globex"}},
			[]string{"RoleBinding acme/partywall-tenant", "RoleBinding globex/partywall-tenant"}},
		{"all namespaces", Roles{ClusterWide: true}, []string{"ClusterRoleBinding /partywall-tenant"}},
		{"shadows", Roles{Namespaces: []string{"acme"}, Shadows: true},
			[]string{"ClusterRole /partywall-shadows", "RoleBinding acme/partywall-tenant", "RoleBinding acme/partywall-shadows"}},
		{"shadows everywhere", Roles{ClusterWide: true, Shadows: true},
			[]string{"ClusterRole /partywall-shadows", "ClusterRoleBinding /partywall-tenant", "ClusterRoleBinding /partywall-shadows"}},
		{"admission", Roles{Namespaces: []string{"acme"}, Admission: true},
			[]string{"ClusterRole /partywall-admission", "RoleBinding acme/partywall-tenant", "RoleBinding acme/partywall-admission"}},
		{"admission everywhere", Roles{ClusterWide: true, Admission: true},
			[]string{"ClusterRole /partywall-admission", "ClusterRoleBinding /partywall-tenant", "ClusterRoleBinding /partywall-admission"}},
		{"the fence", Roles{Fence: true, Repository: "r/probe"}, []string{
			"ValidatingAdmissionPolicy /partywall-fence", "ValidatingAdmissionPolicyBinding /partywall-fence",
			"ValidatingAdmissionPolicy /partywall-fence-jobs", "ValidatingAdmissionPolicyBinding /partywall-fence-jobs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := tt.roles.YAML()
			require.NoError(t, err)
			assert.Equal(t, append(append([]string{}, account...), tt.more...), names(t, text))
		})
	}
}

func TestTheFenceKnowsTheImage(t *testing.T) {
	text, err := Roles{Fence: true, Repository: "registry.example.com:5000/probe"}.YAML()
	require.NoError(t, err)
	assert.Contains(t, string(text), `- {name: repository, expression: "'registry.example.com:5000/probe'"}`)
	assert.NotContains(t, string(text), "ghcr.io")
}

func TestTheFenceKnowsShadows(t *testing.T) {
	shadows := func(r Roles) []string {
		r.Fence = true
		text, err := r.YAML()
		require.NoError(t, err)
		var found []string
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "{name: shadow") {
				found = append(found, strings.TrimSpace(line))
			}
		}
		return found
	}
	assert.Equal(t, []string{`- {name: shadows, expression: "false"}`, `- {name: shadowAccounts, expression: "[]"}`},
		shadows(Roles{Accounts: []string{"pay/db"}}))
	assert.Equal(t, []string{`- {name: shadows, expression: "true"}`, `- {name: shadowAccounts, expression: "[]"}`},
		shadows(Roles{Shadows: true}))
	assert.Equal(t, []string{`- {name: shadows, expression: "true"}`, `- {name: shadowAccounts, expression: "['pay/db', 'pay/api']"}`},
		shadows(Roles{Shadows: true, Accounts: []string{"pay/db", "pay/api"}}))
}

func TestRepository(t *testing.T) {
	for image, want := range map[string]string{
		"ghcr.io/partywall/probe:0.1.0":            "ghcr.io/partywall/probe",
		"ghcr.io/partywall/probe":                  "ghcr.io/partywall/probe",
		"localhost:5000/probe":                     "localhost:5000/probe",
		"localhost:5000/probe:1":                   "localhost:5000/probe",
		"localhost:5000/probe:1@sha256:0123456789": "localhost:5000/probe",
		"probe:1": "probe",
	} {
		assert.Equal(t, want, Repository(image), image)
	}
}
