package policies

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/partywall/partywall/tenancy"
)

// read makes a set of policies, each given as a specification in YAML, in
// namespace a; there is a namespace b of tenant globex too.
func read(t *testing.T, mayList bool, specs map[string]string) *Set {
	t.Helper()
	objects := []runtime.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"tenant": "acme"}}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "b", Labels: map[string]string{"tenant": "globex"}}},
	}
	for name, text := range specs {
		p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}}
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), &p.Spec), text)
		objects = append(objects, p)
	}
	client := fake.NewClientset(objects...)
	if !mayList {
		client.PrependReactor("list", "namespaces", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, assert.AnError })
	}
	return Read(context.Background(), client, []string{"a"})
}

var (
	db = Pod{Namespace: "a", Labels: map[string]string{"app": "db"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		Ports: []corev1.ContainerPort{{Name: "pg", ContainerPort: 5432}}}
	web      = Pod{Namespace: "b", Labels: map[string]string{"app": "web"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.1.1")}}
	node     = Pod{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	postgres = tenancy.Port{Protocol: "tcp", Number: 5432}
)

func TestLetsIn(t *testing.T) {
	const closed = "by their words, NetworkPolicy p of namespace a let nothing of this in: either the network does not enforce them here, or a policy of another kind goes before them"
	for name, tc := range map[string]struct {
		specs map[string]string
		from  Pod
		port  tenancy.Port
		want  string
	}{
		"no policy":      {nil, web, postgres, "namespace a has no NetworkPolicy, so that its pods are open to whatever goes in"},
		"only egress":    {map[string]string{"p": `{policyTypes: [Egress]}`}, web, postgres, "none of the 1 NetworkPolicies of namespace a is about what goes in"},
		"another's pods": {map[string]string{"p": `{podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress]}`}, web, postgres, "no NetworkPolicy of namespace a about what goes in selects the pod: there are NetworkPolicy p (app=api)"},
		"closed":         {map[string]string{"p": `{policyTypes: [Ingress]}`}, web, postgres, closed},
		"everybody": {map[string]string{"closed": `{policyTypes: [Ingress]}`, "p": `{policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}, {}]}`}, web, postgres,
			"ingress rule 2 of NetworkPolicy a/p lets it in: it is for everybody on every port"},
		"a port by name": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{ports: [{port: pg}]}]}`}, web, postgres,
			"ingress rule 1 of NetworkPolicy a/p lets it in: it is for everybody on tcp/pg"},
		"a range": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{ports: [{port: 5000, endPort: 6000}]}]}`}, web, postgres,
			"ingress rule 1 of NetworkPolicy a/p lets it in: it is for everybody on tcp/5000-6000"},
		"beyond the range":    {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{ports: [{port: 5000, endPort: 5431}]}]}`}, web, postgres, closed},
		"another protocol":    {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{ports: [{protocol: UDP}]}]}`}, web, postgres, closed},
		"an echo has no port": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{ports: [{port: 1, endPort: 65535}]}]}`}, web, tenancy.Port{Protocol: "icmp"}, closed},
		"a tenant's namespaces": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: tenant, operator: NotIn, values: [acme]}]}}]}]}`}, web, postgres,
			"ingress rule 1 of NetworkPolicy a/p lets it in: it is for all pods of namespaces with tenant notin (acme) on every port"},
		"pods of all namespaces": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]}`}, web, postgres,
			"ingress rule 1 of NetworkPolicy a/p lets it in: it is for pods with app=web of all namespaces on every port"},
		"its own namespace's pods": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}`}, web, postgres, closed},
		"a block": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.9.0.0/16]}}]}]}`}, web, postgres,
			"ingress rule 1 of NetworkPolicy a/p lets it in: it is for the addresses 10.0.0.0/8 except 10.9.0.0/16 on every port"},
		"a block's exception": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.1.0/24]}}]}]}`}, web, postgres, closed},
		"a node is no pod":    {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}`}, node, postgres, closed},
		"a node's block": {map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`}, node, postgres,
			"ingress rule 1 of NetworkPolicy a/p lets it in: it is for the addresses 192.0.2.0/24 on every port"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, read(t, true, tc.specs).LetsIn(tc.from, db, tc.port))
		})
	}
}

func TestLetsOut(t *testing.T) {
	shut := `{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}]}`
	s := read(t, true, map[string]string{"p": shut})
	assert.Equal(t, "egress rule 1 of NetworkPolicy a/p lets it out: it is for the addresses 0.0.0.0/0 except 169.254.169.254/32 on every port",
		s.LetsOut(db, node, tenancy.Port{Protocol: "tcp", Number: 443}))
	assert.Contains(t, s.LetsOut(db, Pod{IPs: []netip.Addr{netip.MustParseAddr("169.254.169.254")}}, tenancy.Port{Protocol: "tcp", Number: 80}), "by their words")
	assert.Empty(t, s.LetsOut(db, Pod{}, tenancy.Port{Protocol: "tcp", Number: 443}), "whether a name's address is an exception, nobody knows")
	assert.Equal(t, "egress rule 1 of NetworkPolicy a/p lets it out: it is for every destination on tcp/443",
		read(t, true, map[string]string{"p": `{policyTypes: [Egress], egress: [{ports: [{port: 443}]}]}`}).LetsOut(db, Pod{}, tenancy.Port{Protocol: "tcp", Number: 443}))
	assert.Equal(t, "egress rule 1 of NetworkPolicy a/p lets it out: it is for the addresses 0.0.0.0/0 on every port",
		read(t, true, map[string]string{"p": `{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`}).LetsOut(db, Pod{}, tenancy.Port{Protocol: "tcp", Number: 443}))
}

// What could not be read is not guessed.
func TestWhatWasNotRead(t *testing.T) {
	assert.Empty(t, read(t, true, nil).LetsIn(db, web, postgres), "policies of b were not read")
	byTenant := map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {tenant: globex}}}]}]}`}
	assert.Empty(t, read(t, false, byTenant).LetsIn(web, db, postgres), "who b's tenant is was not read")
	everywhere := map[string]string{"p": `{policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}`}
	assert.NotEmpty(t, read(t, false, everywhere).LetsIn(web, db, postgres))
	client := fake.NewClientset()
	client.PrependReactor("list", "networkpolicies", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, assert.AnError })
	assert.Empty(t, Read(context.Background(), client, []string{"a"}).LetsIn(web, db, postgres))
}

func TestManyPoliciesAreCounted(t *testing.T) {
	specs := map[string]string{}
	for _, name := range []string{"p1", "p2", "p3", "p4", "p5"} {
		specs[name] = `{podSelector: {matchLabels: {app: x}}, policyTypes: [Ingress]}`
	}
	assert.Equal(t, "no NetworkPolicy of namespace a about what goes in selects the pod: there are NetworkPolicy p1 (app=x), NetworkPolicy p2 (app=x), NetworkPolicy p3 (app=x), 2 more",
		read(t, true, specs).LetsIn(web, db, postgres))
}
