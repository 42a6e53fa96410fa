package runner

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	discoveryfake "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
)

var (
	policyKind    = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
	namespaceKind = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	clusterKind   = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumclusterwidenetworkpolicies"}
	workloadKind  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

// meta is an object of one of the kinds above, as metadata shows it.
func meta(kind, ns, name string, generation int64, labels ...string) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: ns, Name: name, UID: types.UID(kind + ns + name), Generation: generation, Labels: map[string]string{}, ResourceVersion: "7",
	}}
	o.Kind, o.APIVersion = kind, map[string]string{
		"NetworkPolicy": "networking.k8s.io/v1", "Namespace": "v1", "CiliumClusterwideNetworkPolicy": "cilium.io/v2", "Deployment": "apps/v1",
	}[kind]
	for _, l := range labels {
		o.Labels[l] = "x"
	}
	return o
}

// lookingAt is a run of some namespaces that looks at a cluster which serves
// the kinds above, and others.
func lookingAt(t *testing.T, objects []runtime.Object, namespaces ...string) (*run, *metadatafake.FakeMetadataClient) {
	t.Helper()
	client := fake.NewClientset()
	client.Discovery().(*discoveryfake.FakeDiscovery).Resources = []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "namespaces", Kind: "Namespace"}, {Name: "pods", Kind: "Pod", Namespaced: true}}},
		{GroupVersion: "policy.networking.k8s.io/v1alpha2", APIResources: []metav1.APIResource{{Name: "clusternetworkpolicies", Kind: "ClusterNetworkPolicy"}}},
		{GroupVersion: "policy.networking.k8s.io/v1alpha1", APIResources: []metav1.APIResource{{Name: "adminnetworkpolicies", Kind: "AdminNetworkPolicy"}, {Name: "clusternetworkpolicies", Kind: "ClusterNetworkPolicy"}}},
		{GroupVersion: "networking.k8s.io/v1", APIResources: []metav1.APIResource{{Name: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true}}},
		{GroupVersion: "cilium.io/v2", APIResources: []metav1.APIResource{{Name: "ciliumclusterwidenetworkpolicies", Kind: "CiliumClusterwideNetworkPolicy"}}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments", Kind: "Deployment", Namespaced: true}}},
	}
	scheme := metadatafake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	r := runOn(client, namespaces...)
	r.spaces = map[string]bool{"shared": true}
	for _, ns := range namespaces {
		r.spaces[ns] = true
	}
	metadata := metadatafake.NewSimpleMetadataClient(scheme, objects...)
	metadata.PrependReactor("list", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		handled, list, err := clienttesting.ObjectReaction(metadata.Tracker())(a)
		if l, ok := list.(*metav1.List); ok {
			l.ResourceVersion = "7" // without which nothing can be watched
		}
		return handled, list, err
	})
	r.cluster.Metadata = metadata
	return r, metadata
}

// watchers stand in for what the API server tells of each kind.
func watchers(client *metadatafake.FakeMetadataClient) map[string]*watch.FakeWatcher {
	all := map[string]*watch.FakeWatcher{}
	for _, k := range []schema.GroupVersionResource{policyKind, namespaceKind, clusterKind, workloadKind} {
		all[k.Resource] = watch.NewFakeWithChanSize(10, false)
		client.PrependWatchReactor(k.Resource, clienttesting.DefaultWatchReactor(all[k.Resource], nil))
	}
	return all
}

func TestLookOutNamesWhatChanges(t *testing.T) {
	t.Parallel()
	r, client := lookingAt(t, []runtime.Object{
		meta("NetworkPolicy", "t1", "same", 1), meta("NetworkPolicy", "t1", "edited", 1),
		meta("NetworkPolicy", "elsewhere", "x", 1), meta("Namespace", "", "t2", 0, "tenant"), meta("Namespace", "", "other", 0),
		meta("Deployment", "t3", "web", 1),
	}, "t1", "t2", "t3", "t4")
	told := watchers(client)
	l := r.lookOut(t.Context())
	policy := func(name string, generation int64) runtime.Object {
		return meta("NetworkPolicy", "t1", name, generation)
	}
	policies := told["networkpolicies"]
	policies.Add(policy("brief", 1))
	policies.Delete(policy("brief", 1))
	policies.Modify(policy("edited", 2))
	policies.Modify(policy("edited", 1))
	policies.Modify(policy("same", 1))
	policies.Delete(meta("NetworkPolicy", "elsewhere", "x", 1))
	policies.Add(meta("NetworkPolicy", "shared", "late", 1))
	require.NoError(t, client.Tracker().Create(policyKind, meta("NetworkPolicy", "shared", "late", 1), "shared"))
	told["namespaces"].Modify(meta("Namespace", "", "t2", 0, "tenant", "open"))
	told["namespaces"].Modify(meta("Namespace", "", "other", 0, "open"))
	told["deployments"].Modify(meta("Deployment", "t3", "web", 2))
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.notes) >= 6
	}, 10*time.Second, time.Millisecond, "the watches bring what changes and changes back")
	l.again(t.Context())
	l.end()
	slices.Sort(r.notes)
	assert.Equal(t, []string{
		"Deployment t3/web changed while the run was under way",
		"Namespace t2 changed while the run was under way",
		"NetworkPolicy shared/late was created while the run was under way",
		"NetworkPolicy t1/brief was created while the run was under way",
		"NetworkPolicy t1/brief was deleted while the run was under way",
		"NetworkPolicy t1/edited changed while the run was under way",
	}, r.notes)
	assert.NotEmpty(t, r.unsettledBetween("t1", "t4"))
	assert.NotEmpty(t, r.unsettledBetween("t4", "t2"), "its labels are what policies select by")
	assert.Empty(t, r.unsettledBetween("t3", "t4"), "a workload is no wall")
}

func TestLookOutLooksOnceMoreAtTheEnd(t *testing.T) {
	t.Parallel()
	r, client := lookingAt(t, []runtime.Object{meta("NetworkPolicy", "t1", "a", 1)}, "t1", "t2")
	l := r.lookOut(t.Context())
	l.ending() // as where the watches were behind
	l.wg.Wait()
	require.NoError(t, client.Tracker().Create(clusterKind, meta("CiliumClusterwideNetworkPolicy", "", "all", 1), ""))
	require.NoError(t, client.Tracker().Delete(policyKind, "t1", "a"))
	l.again(t.Context())
	l.end()
	slices.Sort(r.notes)
	assert.Equal(t, []string{
		"CiliumClusterwideNetworkPolicy all was created while the run was under way",
		"NetworkPolicy t1/a was deleted while the run was under way",
	}, r.notes)
	assert.Contains(t, r.unsettledBetween("t2", "t2"), "CiliumClusterwide", "it may be any namespace's")
}

// Without the right to see a kind everywhere, it is looked at in each namespace
// of the run; what cannot be seen there is named, and counts as changed.
func TestLookOutByNamespace(t *testing.T) {
	t.Parallel()
	r, client := lookingAt(t, nil, "t1", "t2", "t3")
	forbidden := apierrors.NewForbidden(policyKind.GroupResource(), "", errors.New("no rights"))
	client.PrependReactor("list", "networkpolicies", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return a.GetNamespace() == "" || a.GetNamespace() == "t2", nil, forbidden
	})
	client.PrependReactor("list", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("timeout")
	})
	r.places[2].fail("no rights here")
	l := r.lookOut(t.Context())
	l.again(t.Context())
	l.end()
	slices.Sort(r.notes)
	assert.Equal(t, []string{
		"changes to Namespace objects of the cluster went unseen: timeout",
		`changes to NetworkPolicy objects of namespace t2 went unseen: networkpolicies.networking.k8s.io is forbidden: no rights`,
	}, r.notes)
	assert.NotEmpty(t, r.unsettledBetween("t1", "t1"))
}

// A group's kinds may be spread over its versions; each is watched once.
func TestKindsOfEveryVersion(t *testing.T) {
	t.Parallel()
	r, _ := lookingAt(t, nil, "t1")
	kinds, err := r.cluster.kinds()
	require.NoError(t, err)
	count := map[string]int{}
	for _, k := range kinds {
		count[k.Resource]++
	}
	assert.Equal(t, map[string]int{
		"namespaces": 1, "pods": 1, "networkpolicies": 1, "ciliumclusterwidenetworkpolicies": 1, "deployments": 1,
		"clusternetworkpolicies": 1, "adminnetworkpolicies": 1,
	}, count)
}

// The labels of the probes themselves decide what policies make of them.
func TestLookOutWatchesTheProbesLabels(t *testing.T) {
	t.Parallel()
	r, client := lookingAt(t, nil, "t1", "t2")
	pods := watch.NewFakeWithChanSize(10, false)
	client.PrependWatchReactor("pods", func(a clienttesting.Action) (bool, watch.Interface, error) {
		assert.Equal(t, ourPods(r.id), a.(clienttesting.WatchAction).GetWatchRestrictions().Labels.String())
		return true, pods, nil
	})
	l := r.lookOut(t.Context())
	pod := meta("Pod", "t1", "probe", 1, "a")
	pods.Add(pod)
	pods.Modify(meta("Pod", "t1", "probe", 1, "a"))
	pods.Modify(meta("Pod", "t1", "probe", 1, "a", "walled"))
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.notes) > 0
	}, 10*time.Second, time.Millisecond)
	l.ending()
	l.wg.Wait()
	assert.Equal(t, []string{"Pod t1/probe changed while the run was under way"}, r.notes, "and not that it was created")
	assert.NotEmpty(t, r.unsettledBetween("t2", "t1"))
}
