package tenancy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// namespace makes one with labels given as key=value.
func namespace(name string, labels ...string) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		ns.Labels[k] = v
	}
	return ns
}

func terminating(ns *corev1.Namespace) *corev1.Namespace {
	ns.Status.Phase = corev1.NamespaceTerminating
	return ns
}

func pod(namespace string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: namespace}}
}

func parse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("f.yaml", []byte(text))
	require.NoError(t, err)
	return f
}

// forbid makes the API refuse a verb on a resource, or only on one name of it.
func forbid(client *fake.Clientset, verb, resource, name string) {
	client.PrependReactor(verb, resource, func(a clienttesting.Action) (bool, runtime.Object, error) {
		if get, ok := a.(clienttesting.GetAction); ok && name != "" && get.GetName() != name {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, name, errors.New("no"))
	})
}

var system = []runtime.Object{namespace("default"), namespace("kube-system"), namespace("kube-public"), namespace("istio-system")}

var systemIgnored = []string{"default", "istio-system", "kube-public", "kube-system"}

func TestDiscoverWithoutFile(t *testing.T) {
	client := fake.NewClientset(append(system,
		namespace("globex-api", "tenant=globex"), namespace("acme-web", "tenant=acme"), namespace("acme-db", "tenant=acme"),
		namespace("lost"), namespace("mine", "tenant="))...)
	got, err := Discover(context.Background(), client, nil, "kind-dev")
	require.NoError(t, err)
	assert.Equal(t, &Tenancy{
		Name:      "kind-dev",
		Tenants:   []Tenant{{Name: "acme", Namespaces: []string{"acme-db", "acme-web"}}, {Name: "globex", Namespaces: []string{"globex-api"}}},
		FailOn:    High,
		Ignored:   systemIgnored,
		Unclaimed: []string{"lost", "mine"},
		Notes:     []string{"namespace mine has the label tenant without a value, which names no tenant"},
	}, got)
}

func TestDiscoverWithFile(t *testing.T) {
	client := fake.NewClientset(append(system,
		namespace("globex-api", "team=globex"), namespace("acme-web", "team=acme"), namespace("acme-db"),
		namespace("umbrella"), namespace("sandbox-1", "team=acme"), namespace("sandbox-2"),
		namespace("platform"), namespace("lost", "tenant=lost"), namespace("kube-tenant", "team=globex"))...)
	got, err := Discover(context.Background(), client, parse(t, head+`metadata: {name: staging}
tenants:
  byLabel: team
  list:
    - {name: umbrella, namespaces: [umbrella]}
    - {name: acme, namespaces: [acme-db, acme-web]}
ignoreNamespaces: [sandbox-*, nothing]
shared:
  - {name: audit, namespace: platform, service: audit, ports: [tcp/1], tenants: ["*"]}
  - {name: dns, namespace: kube-system, service: kube-dns, ports: [udp/53], tenants: [acme, globex]}
crossings:
  - {from: acme, to: globex, ports: [tcp/1], reason: r}
failOn: low
`), "kind-dev")
	require.NoError(t, err)
	assert.Equal(t, "staging", got.Name)
	assert.Equal(t, "f.yaml", got.Path)
	assert.Equal(t, Places{Tenants: 5, Tenant: map[string]int{"umbrella": 7, "acme": 8}}, got.Places)
	assert.Equal(t, []Tenant{
		{Name: "acme", Namespaces: []string{"acme-db", "acme-web"}},
		{Name: "globex", Namespaces: []string{"globex-api", "kube-tenant"}},
		{Name: "umbrella", Namespaces: []string{"umbrella"}},
	}, got.Tenants)
	assert.Equal(t, []string{"default", "istio-system", "kube-public", "sandbox-1", "sandbox-2"}, got.Ignored)
	assert.Equal(t, []string{"lost"}, got.Unclaimed)
	assert.Equal(t, Low, got.FailOn)
	assert.Len(t, got.Shared, 2)
	assert.Len(t, got.Crossings, 1)
	assert.Equal(t, []string{`ignoreNamespaces: "nothing" matches no namespace, or only ones that another pattern matches`}, got.Notes)
}

func TestDefaultIsIgnoredOnlyWhileNothingRunsInIt(t *testing.T) {
	two := []runtime.Object{namespace("a", "tenant=a"), namespace("b", "tenant=b"), namespace("default")}
	ctx := context.Background()

	got, err := Discover(ctx, fake.NewClientset(two...), nil, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"default"}, got.Ignored)
	assert.Empty(t, got.Unclaimed)

	got, err = Discover(ctx, fake.NewClientset(append(two, pod("default"))...), nil, "")
	require.NoError(t, err)
	assert.Empty(t, got.Ignored)
	assert.Equal(t, []string{"default"}, got.Unclaimed)

	client := fake.NewClientset(two...)
	forbid(client, "list", "pods", "")
	got, err = Discover(ctx, client, nil, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"default"}, got.Unclaimed)
	require.Len(t, got.Notes, 1)
	assert.Contains(t, got.Notes[0], "whether anything runs in namespace default could not be seen")

	client = fake.NewClientset(two...)
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("boom")
	})
	_, err = Discover(ctx, client, nil, "")
	require.EqualError(t, err, "looking for pods in namespace default: boom")

	client = fake.NewClientset(append(two, pod("default"))...)
	got, err = Discover(ctx, client, parse(t, head+"ignoreNamespaces: [default]\n"), "")
	require.NoError(t, err)
	assert.Equal(t, []string{"default"}, got.Ignored)
}

func TestDiscoverSaysWhatIsWrong(t *testing.T) {
	const labelled = head + "tenants:\n  byLabel: tenant\n"
	two := []runtime.Object{namespace("a", "tenant=acme"), namespace("b", "tenant=globex")}
	const advice = "; isolation takes two: label the namespaces of each tenant (kubectl label namespace NAME tenant=TENANT) or list them in a tenancy file under tenants.list"
	tests := []struct {
		name    string
		file    string // none where empty
		objects []runtime.Object
		want    []string
	}{
		{"no namespace at all", "", nil, []string{`found no tenant by the namespace label "tenant" (namespaces seen: 0)` + advice}},
		{"no label", "", system, []string{`found no tenant by the namespace label "tenant" (namespaces seen: 4)` + advice}},
		{"another label", "", []runtime.Object{namespace("a", "tennant=a"), namespace("b", "tennant=b")},
			[]string{`found no tenant by the namespace label "tenant" (namespaces seen: 2); did you mean "tennant"?` + advice}},
		{"one tenant", "", two[:1], []string{`found only the tenant "acme" by the namespace label "tenant" (namespaces seen: 1)` + advice}},
		{"one tenant with a file", labelled, two[:1], []string{`f.yaml:4:3: found only the tenant "acme" by the namespace label "tenant" (namespaces seen: 1)` + advice}},
		{"a file without tenants", head, system, []string{`f.yaml:1:1: found no tenant by the namespace label "tenant" (namespaces seen: 4)` + advice}},
		{"all of one tenant ignored", labelled + "ignoreNamespaces: [b]\n", two, []string{`f.yaml:4:3: found only the tenant "acme" by the namespace label "tenant" (namespaces seen: 2)` + advice}},
		{"unknown tenants", labelled + "crossings:\n  - {from: acme, to: globx, ports: [tcp/1], reason: r}\nshared:\n  - {name: s, namespace: a, service: s, ports: [tcp/1], tenants: [acne]}\n", two, []string{
			`f.yaml:6:22: unknown tenant "globx"; did you mean "globex"?`,
			`f.yaml:8:67: unknown tenant "acne"; did you mean "acme"?`}},
		{"namespaces that are not there", twoTenants + "shared:\n  - {name: s, namespace: platfrom, service: s, ports: [tcp/1], tenants: ['*']}\n",
			[]runtime.Object{namespace("acme-wed"), namespace("globex-api"), namespace("platform")}, []string{
				`f.yaml:5:33: namespace "acme-web" of tenant "acme" does not exist in the cluster; did you mean "acme-wed"?`,
				`f.yaml:8:26: namespace "platfrom" of the shared service "s" does not exist in the cluster; did you mean "platform"?`}},
		{"listed for one, labelled for another", labelled + "  list:\n    - {name: umbrella, namespaces: [a, c]}\n", append(two, namespace("c")), []string{
			`f.yaml:6:37: namespace "a" is listed for tenant "umbrella", but its label "tenant" names tenant "acme"; a namespace has one tenant`}},
		{"a shared service called as a labelled tenant", labelled + "shared:\n  - {name: globex, namespace: c, service: s, ports: [tcp/1], tenants: ['*']}\n", append(two, namespace("c")), []string{
			`f.yaml:6:12: shared service "globex" has the name of the tenant of namespace "b"; give it another, since reports would take the two for one`}},
		{"a tenant being deleted", twoTenants, []runtime.Object{terminating(namespace("acme-web")), namespace("globex-api")}, []string{
			`f.yaml:5:14: tenant "acme" has no namespace left: all that it lists are being deleted`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var file *File
			if tt.file != "" {
				file = parse(t, tt.file)
			}
			got, err := Discover(context.Background(), fake.NewClientset(tt.objects...), file, "x")
			require.Error(t, err)
			assert.Nil(t, got)
			var bad Errors
			require.ErrorAs(t, fmt.Errorf("run: %w", err), &bad)
			assert.Equal(t, tt.want, strings.Split(err.Error(), "\n"))
		})
	}
}

func TestNamespacesBeingDeletedAreLeftOut(t *testing.T) {
	gone := namespace("globex-old", "tenant=globex")
	now := metav1.Now()
	gone.DeletionTimestamp, gone.Finalizers = &now, []string{"x"}
	client := fake.NewClientset(namespace("acme-web", "tenant=acme"), namespace("globex-api", "tenant=globex"), gone,
		terminating(namespace("initech", "tenant=initech")))
	got, err := Discover(context.Background(), client, parse(t, head+"crossings:\n  - {from: acme, to: initech, ports: [tcp/1], reason: r}\n"), "")
	require.NoError(t, err, "a tenant on its way out may still be spoken of")
	assert.Equal(t, []Tenant{{Name: "acme", Namespaces: []string{"acme-web"}}, {Name: "globex", Namespaces: []string{"globex-api"}}}, got.Tenants)
	assert.Empty(t, got.Unclaimed)
	assert.Equal(t, []string{
		"namespace globex-old is being deleted and was left out",
		"namespace initech is being deleted and was left out"}, got.Notes)
}

func TestNamespacesComeInPages(t *testing.T) {
	client := fake.NewClientset()
	var asked []string
	client.PrependReactor("list", "namespaces", func(a clienttesting.Action) (bool, runtime.Object, error) {
		opts := a.(clienttesting.ListActionImpl).ListOptions
		asked = append(asked, opts.Continue)
		assert.Positive(t, opts.Limit)
		page := len(asked)
		list := &corev1.NamespaceList{Items: []corev1.Namespace{*namespace(fmt.Sprintf("n%d", page), fmt.Sprintf("tenant=t%d", page))}}
		if page < 3 {
			list.Continue = fmt.Sprintf("page-%d", page+1)
		}
		return true, list, nil
	})
	got, err := Discover(context.Background(), client, nil, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"", "page-2", "page-3"}, asked)
	assert.Equal(t, []Tenant{{Name: "t1", Namespaces: []string{"n1"}}, {Name: "t2", Namespaces: []string{"n2"}}, {Name: "t3", Namespaces: []string{"n3"}}}, got.Tenants)
}

func TestListedTenantsNeedNoRightToList(t *testing.T) {
	file := parse(t, twoTenants+"shared:\n  - {name: s, namespace: platform, service: s, ports: [tcp/1], tenants: ['*']}\n")
	client := fake.NewClientset(namespace("acme-web"), namespace("globex-api"), namespace("platform"), namespace("lost"))
	forbid(client, "list", "namespaces", "")
	forbid(client, "get", "namespaces", "platform")
	got, err := Discover(context.Background(), client, file, "")
	require.NoError(t, err)
	assert.Len(t, got.Tenants, 2)
	assert.Empty(t, got.Unclaimed)
	require.Len(t, got.Notes, 2)
	assert.Contains(t, got.Notes[0], "namespaces that no tenant claims could not be listed")
	assert.Contains(t, got.Notes[1], "namespace platform of the shared service s")

	client = fake.NewClientset(namespace("acme-web"), namespace("platform"))
	forbid(client, "list", "namespaces", "")
	_, err = Discover(context.Background(), client, file, "")
	require.EqualError(t, err, `f.yaml:6:35: namespace "globex-api" of tenant "globex" does not exist in the cluster`)
}

func TestAPIErrorsAreNotTheFilesFault(t *testing.T) {
	var bad Errors
	client := fake.NewClientset()
	forbid(client, "list", "namespaces", "")
	_, err := Discover(context.Background(), client, nil, "")
	require.ErrorContains(t, err, `listing namespaces to find tenants by the label "tenant"`)
	assert.True(t, apierrors.IsForbidden(err))
	assert.False(t, errors.As(err, &bad))

	forbid(client, "get", "namespaces", "")
	_, err = Discover(context.Background(), client, parse(t, twoTenants), "")
	require.ErrorContains(t, err, "looking at namespace acme-web of tenant acme: ")
	assert.False(t, errors.As(err, &bad))

	client = fake.NewClientset()
	client.PrependReactor("list", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("boom")
	})
	_, err = Discover(context.Background(), client, parse(t, twoTenants), "")
	require.EqualError(t, err, "listing namespaces: boom")
}

func TestAStatementMadeByCodeWorks(t *testing.T) {
	client := fake.NewClientset(namespace("a", "team=x"), namespace("b", "team=y"))
	got, err := Discover(context.Background(), client, &File{ByLabel: "team", FailOn: High}, "")
	require.NoError(t, err)
	assert.Len(t, got.Tenants, 2)

	_, err = Discover(context.Background(), client, &File{List: []Tenant{{Name: "x", Namespaces: []string{"a"}}}}, "")
	require.EqualError(t, err, `found only the tenant "x"; isolation takes two: list another under tenants.list`)
	_, err = Discover(context.Background(), client, &File{Shared: []Shared{{Name: "s", Namespace: "nowhere"}}, ByLabel: "team"}, "")
	require.EqualError(t, err, `namespace "nowhere" of the shared service "s" does not exist in the cluster`)
}
