package tenancy

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func TestADraftStatesWhatWasFound(t *testing.T) {
	tests := []struct {
		name, label, context string
		named                string // what the file is called in the end
		namespaces           []runtime.Object
	}{
		{"plain", "tenant", "kind-dev", "kind-dev",
			[]runtime.Object{namespace("acme-web", "tenant=acme"), namespace("acme-db", "tenant=acme"), namespace("globex-api", "tenant=globex")}},
		{"with what nobody claims", "tenant", "staging", "staging",
			append(system, namespace("a", "tenant=a"), namespace("b", "tenant=b"), namespace("lost"), namespace("123"))},
		{"names that look like something else", "true", "1.5", "1.5",
			[]runtime.Object{namespace("no", "true=1e3"), namespace("0x1", "true=null"), namespace("2026-01-01")}},
		{"a label with a prefix", "example.com/team", "x", "x",
			[]runtime.Object{namespace("a", "example.com/team=A.b_c"), namespace("b", "example.com/team=Z")}},
		{"a context that is no name", "tenant", "arn:aws:eks:eu:1:cluster/x\n# \u2028apiVersion: v2\u0085", "",
			[]runtime.Object{namespace("a", "tenant=a"), namespace("b", "tenant=b")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := fake.NewClientset(tt.namespaces...)
			byLabel, err := ByLabel(tt.label)
			require.NoError(t, err)
			found, err := Discover(context.Background(), client, byLabel, tt.context)
			require.NoError(t, err)
			text, err := Draft(found, tt.label, tt.context, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
			require.NoError(t, err)

			file := parse(t, string(text))
			assert.Equal(t, tt.named, file.Name)
			again, err := Discover(context.Background(), client, file, tt.context)
			require.NoError(t, err)
			assert.Equal(t, found.Tenants, again.Tenants)
			assert.Equal(t, found.Unclaimed, again.Unclaimed)
			assert.Equal(t, found.Ignored, again.Ignored)

			// With every setting on, it is still a tenancy file.
			all := parse(t, regexp.MustCompile(`(?m)^#(\S|  )`).ReplaceAllString(string(text), "$1"))
			assert.NotEmpty(t, all.List)
			assert.NotEmpty(t, all.Shared)
			assert.Equal(t, found.Tenants[1].Namespaces[0], all.Shadows[0].Namespace)
			assert.Equal(t, found.Tenants[0].Name, all.Crossings[0].From)
			assert.NotEmpty(t, all.Exceptions)
			if len(found.Unclaimed) > 0 {
				assert.Equal(t, found.Unclaimed, all.Ignore)
			}
		})
	}
}

func TestByLabelRefusesWhatIsNoLabel(t *testing.T) {
	_, err := ByLabel("tenant=acme")
	assert.ErrorContains(t, err, `bad label key "tenant=acme"`)
}
