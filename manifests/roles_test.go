package manifests

import (
	"bytes"
	"errors"
	"io"
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
		{"the fence", Roles{Fence: true, Repository: "r/probe"}, []string{
			"ConfigMap partywall/partywall-fence",
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
	require.Equal(t, 1, bytes.Count(read("roles/fence.yaml"), shipped))
	text, err := Roles{Fence: true, Repository: "registry.example.com:5000/probe"}.YAML()
	require.NoError(t, err)
	assert.Contains(t, string(text), "\n  repository: \"registry.example.com:5000/probe\"\n")
	assert.NotContains(t, string(text), string(shipped))
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
