package tenancy

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/fake"
)

const page = "../docs/tenancy.md"

// TestTheDocumentedExampleWorks reads the page's YAML and runs it against a
// cluster such as it describes.
func TestTheDocumentedExampleWorks(t *testing.T) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	require.Len(t, examples, 1)
	file, err := Parse(page, examples[0][1])
	require.NoError(t, err)

	client := fake.NewClientset(
		namespace("acme-web", "tenant=acme"), namespace("globex-api", "tenant=globex"),
		namespace("umbrella-web"), namespace("umbrella-db"), namespace("platform"), namespace("sandbox-1"))
	got, err := Discover(context.Background(), client, file, "")
	require.NoError(t, err)
	assert.Len(t, got.Tenants, 3)
	assert.Empty(t, got.Unclaimed)
	assert.Empty(t, got.Notes)
	assert.True(t, got.Exceptions[0].Matches("network/udp/acme.acme-web->globex.globex-api/target-0/pod-ip:9053/same-node/bare"))
}

// TestThePageNamesWhatTheCodeKnows keeps its lists of words complete.
func TestThePageNamesWhatTheCodeKnows(t *testing.T) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var words []string
	words = append(words, denials...)
	words = append(words, severities...)
	words = append(words, systemNamespaces...)
	for _, prefix := range systemPrefixes {
		words = append(words, prefix+"*")
	}
	for _, word := range words {
		assert.True(t, strings.Contains(string(text), "`"+word+"`"), word)
	}
}
