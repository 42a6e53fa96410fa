package policies

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
)

func TestADigestGoesByWhatAPolicySays(t *testing.T) {
	one, ok := read(t, true, map[string]string{"p": `{policyTypes: [Ingress]}`, "a": `{policyTypes: [Ingress]}`, "q": `{policyTypes: [Ingress], ingress: [{}]}`}).Digests()
	require.True(t, ok)
	require.Len(t, one, 3)
	assert.Equal(t, "a", one[0].Name)
	assert.Equal(t, "a", one[0].Namespace)
	assert.Equal(t, one[0].SHA256, one[1].SHA256, "the same words")
	assert.NotEqual(t, one[0].SHA256, one[2].SHA256)
	none, ok := read(t, true, nil).Digests()
	assert.True(t, ok)
	assert.Empty(t, none)

	objects := read(t, true, map[string]string{"q": `{policyTypes: [Egress]}`, "p": `{policyTypes: [Ingress]}`}).Objects()
	require.Len(t, objects, 2)
	assert.Equal(t, []string{"p", "NetworkPolicy", "a"}, []string{objects[0].Name, objects[0].Kind, objects[0].Namespace})
	assert.Equal(t, []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, objects[1].Spec.PolicyTypes)

	client := fake.NewClientset()
	client.PrependReactor("list", "networkpolicies", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, assert.AnError })
	_, ok = Read(context.Background(), client, []string{"a"}).Digests()
	assert.False(t, ok, "what was not read is not told to be none")
}
