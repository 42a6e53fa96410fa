package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/partywall/partywall/suites"
)

// allow answers access reviews: all is allowed but what denied picks.
func allow(client *fake.Clientset, denied func(authorizationv1.ResourceAttributes) bool) {
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		review.Status.Allowed = denied == nil || !denied(*review.Spec.ResourceAttributes)
		return true, review, nil
	})
}

func forbid(client *fake.Clientset, verb, resource, namespace string, err error) {
	client.PrependReactor(verb, resource, func(a clienttesting.Action) (bool, runtime.Object, error) {
		return namespace == "" || a.GetNamespace() == namespace, nil, err
	})
}

func runOn(client *fake.Clientset, namespaces ...string) *run {
	r := &run{id: "0123abcd", opts: options(), nodes: &nodes{}, cluster: &Cluster{Client: client}, known: map[string]*shot{}}
	for _, ns := range namespaces {
		r.places = append(r.places, &place{tenant: ns, namespace: ns, ports: ownPorts[:]})
	}
	return r
}

func (r *run) problems() []string {
	var all []string
	for _, p := range r.places {
		if p.problem != "" {
			all = append(all, p.problem)
		}
	}
	return all
}

func TestCheckAccess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		denied   func(authorizationv1.ResourceAttributes) bool
		problems []string
		err      string
	}{
		{name: "all there"},
		{
			name: "some are missing in one namespace",
			denied: func(a authorizationv1.ResourceAttributes) bool {
				return a.Namespace == "t2" && (a.Subresource == "exec" && a.Verb == "create" || a.Resource == "jobs" && a.Verb == "delete")
			},
			problems: []string{"the runner lacks rights in namespace t2: delete jobs.batch, create pods/exec (manifests/roles grants them)"},
		},
		{
			name:   "nothing anywhere",
			denied: func(authorizationv1.ResourceAttributes) bool { return true },
			err:    "nothing can be tested:\n  the runner lacks rights in namespace t1: create jobs.batch",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			allow(client, c.denied)
			r := runOn(client, "t1", "t2", "t3")
			err := r.checkAccess(t.Context())
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.problems, r.problems())
			assert.Equal(t, c.problems, r.opts.Progress.(*hooks).notes)
		})
	}
}

func TestCheckAccessWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	forbid(client, "create", "selfsubjectaccessreviews", "", errors.New("connection refused"))
	require.ErrorContains(t, runOn(client, "t1").checkAccess(t.Context()), "asking whether the runner may create jobs.batch: connection refused")
}

func TestNothingToProbeIsNoLackOfRights(t *testing.T) {
	t.Parallel()
	require.NoError(t, runOn(fake.NewClientset()).checkAccess(t.Context()))
}

// The role that is shipped grants what is asked for.
func TestNeededAreNamedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range needed {
		words := describeAccess(a)
		assert.False(t, seen[words], words)
		seen[words] = true
	}
}

func node(name string, changes ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	for _, change := range changes {
		change(n)
	}
	return n
}

func tainted(key string, effect corev1.TaintEffect) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: effect})
	}
}

func notReady(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse }

func cordoned(n *corev1.Node) {
	n.Spec.Unschedulable = true
	tainted("node.kubernetes.io/unschedulable", corev1.TaintEffectNoSchedule)(n)
}

func TestFindNodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		nodes     []runtime.Object
		preferred []string
		single    bool
	}{
		{"two of three, by name", []runtime.Object{node("c"), node("a"), node("b")}, []string{"a", "b"}, false},
		{"one", []runtime.Object{node("a")}, []string{"a"}, true},
		{"a control plane takes none", []runtime.Object{node("a"), node("cp", tainted("node-role.kubernetes.io/control-plane", corev1.TaintEffectNoSchedule))}, []string{"a"}, true},
		{"a preference against pods is none", []runtime.Object{node("a"), node("b", tainted("x", corev1.TaintEffectPreferNoSchedule))}, []string{"a", "b"}, false},
		{"a second that is down is one all the same", []runtime.Object{node("a"), node("b", notReady, tainted("node.kubernetes.io/not-ready", corev1.TaintEffectNoExecute))}, []string{"a"}, false},
		{"a second that tenants may tolerate too", []runtime.Object{node("a"), node("b", tainted("dedicated", corev1.TaintEffectNoSchedule))}, []string{"a"}, false},
		{"a second that is cordoned too", []runtime.Object{node("a"), node("b", cordoned)}, []string{"a"}, false},
		{"none", nil, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(c.nodes...)
			allow(client, nil)
			got, note, err := (&Cluster{Client: client}).findNodes(t.Context())
			require.NoError(t, err)
			assert.Empty(t, note)
			assert.Equal(t, c.preferred, got.preferred)
			assert.Equal(t, c.single, got.single())
			for slot := range slots {
				assert.Equal(t, len(c.preferred) > 0, got.prefer(slot) != nil)
			}
		})
	}
}

func TestFindNodesWithoutTheRight(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(node("a"))
	allow(client, func(a authorizationv1.ResourceAttributes) bool { return a.Resource == "nodes" })
	got, note, err := (&Cluster{Client: client}).findNodes(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "the runner may not list nodes: the scheduler alone places the probes", note)
	assert.False(t, got.single(), "nobody knows")
	assert.Nil(t, got.prefer(slotTarget0))
	assert.Empty(t, got.of(netip.MustParseAddr("192.0.2.1")))
}

func TestNodeOfAnAddress(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(node("a", func(n *corev1.Node) {
		n.Spec.PodCIDRs = []string{"10.0.1.0/24", "2001:db8:1::/64", "nonsense"}
		n.Status.Addresses = []corev1.NodeAddress{{Address: "192.0.2.1"}, {Address: "a.example.test"}, {Address: "2001:db8::1"}}
	}), node("b", func(n *corev1.Node) { n.Spec.PodCIDRs = []string{"10.0.2.0/24"} }))
	allow(client, nil)
	n, _, err := (&Cluster{Client: client}).findNodes(t.Context())
	require.NoError(t, err)
	for address, want := range map[string]string{
		"192.0.2.1": "a", "10.0.1.77": "a", "2001:db8::1": "a", "2001:db8:1::9": "a", "10.0.2.1": "b", "10.0.3.1": "", "2001:db8:2::1": "",
	} {
		assert.Equal(t, want, n.of(netip.MustParseAddr(address)), address)
	}
	assert.Empty(t, n.of(netip.Addr{}))

	on := func(node, ip string) *place {
		p := standing("t1", "t1", node)
		p.pods[0].ips = []netip.Addr{netip.MustParseAddr(ip)}
		return p
	}
	n.doubt([]*place{on("a", "10.0.1.5"), on("b", "10.0.2.5")})
	assert.Equal(t, "a", n.of(netip.MustParseAddr("10.0.1.77")), "the probes agree")
	n.doubt([]*place{on("a", "10.0.1.5"), on("a", "10.0.2.5")})
	assert.Empty(t, n.of(netip.MustParseAddr("10.0.1.77")), "a probe stands outside its node's range")
	assert.Equal(t, "a", n.of(netip.MustParseAddr("192.0.2.1")), "a node's own address is no matter of ranges")
}

func quota(hard, used map[corev1.ResourceName]string, changes ...func(*corev1.ResourceQuota)) *corev1.ResourceQuota {
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "q", Namespace: "t1"}, Status: corev1.ResourceQuotaStatus{
		Hard: corev1.ResourceList{}, Used: corev1.ResourceList{},
	}}
	for name, v := range hard {
		q.Status.Hard[name] = resource.MustParse(v)
	}
	for name, v := range used {
		q.Status.Used[name] = resource.MustParse(v)
	}
	for _, change := range changes {
		change(q)
	}
	return q
}

func TestCheckQuota(t *testing.T) {
	t.Parallel()
	type list = map[corev1.ResourceName]string
	for _, c := range []struct {
		name  string
		quota *corev1.ResourceQuota
		want  string
	}{
		{"room for one pod more than the probes", quota(list{"pods": "10"}, list{"pods": "6"}), ""},
		{"the tenant's last pod is not taken", quota(list{"pods": "10"}, list{"pods": "7"}), "resource quota t1/q has no room for the probes: pods: 7 of 10 used, and the probes need 4 with what is left to the tenant"},
		{"counted as objects", quota(list{"count/pods": "3"}, nil), "count/pods: 0 of 3 used"},
		{"Jobs", quota(list{"count/jobs.batch": "2"}, nil), "count/jobs.batch: 0 of 2 used"},
		{"Services", quota(list{"services": "5"}, list{"services": "4"}), "services: 4 of 5 used"},
		{"processor", quota(list{"requests.cpu": "1"}, list{"requests.cpu": "971m"}), "requests.cpu: 971m of 1 used, and the probes need 30m"},
		{"just enough processor", quota(list{"cpu": "1"}, list{"cpu": "970m"}), ""},
		{"memory", quota(list{"limits.memory": "383Mi"}, nil), "limits.memory: 0 of 383Mi used, and the probes need 384Mi"},
		{"memory requests", quota(list{"memory": "95Mi"}, nil), "memory: 0 of 95Mi used"},
		{"over its hard limit already", quota(list{"pods": "1"}, list{"pods": "5"}), "pods: 5 of 1 used"},
		{"what the probes do not use", quota(list{"requests.storage": "0", "count/secrets": "0"}, nil), ""},
		{"for some pods only", quota(list{"pods": "0"}, nil, func(q *corev1.ResourceQuota) {
			q.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeBestEffort}
		}), ""},
		{"not counted yet", quota(nil, nil), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := runOn(fake.NewClientset(c.quota), "t1")
			r.checkQuota(t.Context(), r.places[0])
			if c.want == "" {
				assert.Empty(t, r.places[0].problem)
			} else {
				assert.Contains(t, r.places[0].problem, c.want)
			}
		})
	}
}

// controlledBy is the reference that a Job's controller gives its pods.
func controlledBy(ns, job string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion: "batch/v1", Kind: "Job", Name: job, UID: types.UID("uid-" + ns + "-" + job), Controller: &yes,
	}
}

func probePod(ns, job string, changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: job + "-x", Labels: map[string]string{
			batchv1.JobNameLabel: job, labelManaged: managedBy, labelRun: "0123abcd",
		}, OwnerReferences: []metav1.OwnerReference{controlledBy(ns, job)}},
		Spec: corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: container}}},
		Status: corev1.PodStatus{
			PodIPs:     []corev1.PodIP{{IP: "10.0.0.9"}, {IP: "2001:db8::9"}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func TestPodState(t *testing.T) {
	t.Parallel()
	waiting := func(reason string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: "c", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "why"}}}
	}
	unready := func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }
	for _, c := range []struct {
		name   string
		change func(*corev1.Pod)
		state  string
		final  bool
	}{
		{"ready", func(*corev1.Pod) {}, "", false},
		{"ready without an address", func(p *corev1.Pod) { p.Status.PodIPs = nil }, "not ready", false},
		{"not ready", unready, "not ready", false},
		{"without conditions", func(p *corev1.Pod) { p.Status.Conditions = nil }, "not ready", false},
		{"not scheduled", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/2 nodes"}}
		}, "not scheduled: 0/2 nodes", false},
		{"being created", func(p *corev1.Pod) {
			unready(p)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{waiting("ContainerCreating")}
		}, "not ready", false},
		{"a first failure to pull", func(p *corev1.Pod) {
			unready(p)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{waiting("ErrImagePull")}
		}, "not ready", false},
		{"no image", func(p *corev1.Pod) {
			unready(p)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{waiting("ImagePullBackOff")}
		}, "container c: ImagePullBackOff: why", true},
		{"an init container that cannot start", func(p *corev1.Pod) {
			unready(p)
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{waiting("CreateContainerConfigError")}
		}, "container c: CreateContainerConfigError: why", true},
		{"failed", func(p *corev1.Pod) {
			p.Status.Phase = corev1.PodFailed
			p.Status.Reason = "Error"
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "probe", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, Reason: "Error"}}}}
		}, "it ended as Failed: Error container probe exited with 2 Error ", true},
		{"evicted", func(p *corev1.Pod) {
			p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "low on memory"
		}, "it ended as Failed: Evicted low on memory", true},
		{"ended well, which a probe does not", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, "it ended as Succeeded:  ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			state, final := podState(probePod("t1", "job", c.change), placeWith().works)
			assert.Equal(t, c.state, state)
			assert.Equal(t, c.final, final)
		})
	}
}

// deploying is a cluster whose Job controller does as told: for each Job it
// makes the object that make returns.
func deploying(make func(job *batchv1.Job) runtime.Object) *fake.Clientset {
	client := fake.NewClientset()
	allow(client, nil)
	client.PrependReactor("create", "jobs", func(a clienttesting.Action) (bool, runtime.Object, error) {
		job := a.(clienttesting.CreateAction).GetObject().(*batchv1.Job)
		job.UID = types.UID("uid-" + job.Namespace + "-" + job.Name)
		if made := make(job); made != nil {
			if err := client.Tracker().Add(made); err != nil {
				return true, nil, err
			}
		}
		return false, nil, nil
	})
	return client
}

// readyPod is the pod that a Job makes where nobody stands in its way.
func readyPod(job *batchv1.Job) *corev1.Pod {
	p := probePod(job.Namespace, job.Name)
	p.Spec = *job.Spec.Template.Spec.DeepCopy()
	p.Spec.NodeName = "a"
	p.Labels = map[string]string{batchv1.JobNameLabel: job.Name}
	for k, v := range job.Spec.Template.Labels {
		p.Labels[k] = v
	}
	if len(p.Spec.ReadinessGates) > 0 {
		started := true
		p.Status.Conditions, p.Status.ContainerStatuses = nil, []corev1.ContainerStatus{{Name: container, Started: &started}}
	}
	return p
}

func failedCreate(job *batchv1.Job, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name + ".1"},
		InvolvedObject: corev1.ObjectReference{Kind: "Job", Name: job.Name}, Reason: "FailedCreate", Message: message,
	}
}

func TestDeploy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		client func() *fake.Clientset
		want   string        // the problem of t1
		within time.Duration // in the bubble's time
	}{
		{"all ready", func() *fake.Clientset { return deploying(func(j *batchv1.Job) runtime.Object { return readyPod(j) }) }, "", time.Second},
		{"a refused pod", func() *fake.Clientset {
			return deploying(func(j *batchv1.Job) runtime.Object {
				if j.Namespace == "t1" {
					return failedCreate(j, `pods "x" is forbidden: exceeded quota`)
				}
				return readyPod(j)
			})
		}, `the probe pods could not be created in namespace t1: pods "x" is forbidden: exceeded quota`, time.Second},
		{"a failure that passes, and does not", func() *fake.Clientset {
			return deploying(func(j *batchv1.Job) runtime.Object {
				if j.Namespace == "t1" {
					return failedCreate(j, "etcdserver: request timed out")
				}
				return readyPod(j)
			})
		}, "were not ready within 2m0s: partywall-0123abcd-target-0: no pod yet; etcdserver: request timed out", 2*time.Minute + time.Second},
		{"pods that do not come", func() *fake.Clientset {
			return deploying(func(j *batchv1.Job) runtime.Object {
				if j.Namespace == "t1" {
					return nil
				}
				return readyPod(j)
			})
		}, "the probe pods in namespace t1 were not ready within 2m0s: partywall-0123abcd-target-0: no pod yet", 2*time.Minute + time.Second},
		{"a pod that ends", func() *fake.Clientset {
			return deploying(func(j *batchv1.Job) runtime.Object {
				p := readyPod(j)
				if j.Namespace == "t1" && j.Labels[labelPod] == "source" {
					p.Status.Phase = corev1.PodFailed
				}
				return p
			})
		}, "the probe pod t1/partywall-0123abcd-source-x cannot run: it ended as Failed", time.Second},
		{"a pod that is on its way out", func() *fake.Clientset {
			return deploying(func(j *batchv1.Job) runtime.Object {
				p := readyPod(j)
				if j.Namespace == "t1" {
					p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
				}
				return p
			})
		}, "no pod yet", 2*time.Minute + time.Second},
		{"a refused Job", func() *fake.Clientset {
			client := deploying(func(j *batchv1.Job) runtime.Object { return readyPod(j) })
			forbid(client, "create", "jobs", "t1", errors.New("no Jobs here"))
			return client
		}, "the probe Job was refused in namespace t1: no Jobs here", time.Second},
		{"a refused Service", func() *fake.Clientset {
			client := deploying(func(j *batchv1.Job) runtime.Object { return readyPod(j) })
			forbid(client, "create", "services", "t1", errors.New("no Services here"))
			return client
		}, "the probe Service was refused in namespace t1: no Services here", time.Second},
		{"no look at the quotas", func() *fake.Clientset {
			client := deploying(func(j *batchv1.Job) runtime.Object { return readyPod(j) })
			forbid(client, "list", "resourcequotas", "t1", errors.New("timeout"))
			return client
		}, "listing the resource quotas of namespace t1: timeout", time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := runOn(c.client(), "t1", "t2")
				start := time.Now()
				var mu sync.Mutex
				var ready []string
				require.NoError(t, r.deploy(t.Context(), func(p *place) {
					mu.Lock()
					defer mu.Unlock()
					ready = append(ready, p.namespace)
				}))
				assert.Equal(t, c.want == "", slices.Contains(ready, "t1"))
				assert.Contains(t, ready, "t2")
				assert.LessOrEqual(t, time.Since(start), c.within)
				if c.want == "" {
					require.Empty(t, r.problems())
				} else {
					require.Contains(t, r.places[0].problem, c.want)
				}
				require.Empty(t, r.places[1].problem, "one place's problem is not another's")
				for _, q := range r.places[1].pods {
					assert.Equal(t, "a", q.node)
					assert.Equal(t, []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("2001:db8::9")}, q.ips)
				}
			})
		})
	}
}

// A request that is cut off may still be followed by the API server, so none
// is: what was begun is known to be there.
func TestCreateIsNotCutOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	cluster, err := NewCluster(&rest.Config{Host: server.URL}, "test")
	require.NoError(t, err)
	r := runOn(nil, "t1")
	r.cluster = cluster
	r.create(ctx, r.places[0])
	assert.Empty(t, r.places[0].problem)
	for _, q := range r.places[0].pods {
		require.NotNil(t, q)
	}
}

func TestDeployEndedWithinItsFirstPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client := deploying(func(*batchv1.Job) runtime.Object { cancel(); return nil })
		r := runOn(client, "t1")
		require.ErrorIs(t, r.deploy(ctx, func(*place) { t.Error("ready, after the end") }), context.Canceled)
		assert.Empty(t, r.places[0].problem)
		jobs, err := client.BatchV1().Jobs("t1").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		assert.Len(t, jobs.Items, slots)
		assert.Empty(t, r.cleanUp(ctx))
		jobs, err = client.BatchV1().Jobs("t1").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		assert.Empty(t, jobs.Items)
	})
}

func TestReadinessFollowsReplacements(t *testing.T) {
	t.Parallel()
	r := runOn(fake.NewClientset(), "t1")
	p := r.places[0]
	for slot := range slots {
		name := objectName(r.id, slot)
		p.pods[slot] = &pod{place: p, slot: slot, job: name, jobUID: types.UID("uid-t1-" + name)}
	}
	s := newReadiness(r, p)
	update := func(job string, changes ...func(*corev1.Pod)) bool {
		done, err := s.update(probePod("t1", job, changes...))
		require.NoError(t, err)
		return done
	}
	assert.False(t, update(p.pods[0].job))
	assert.False(t, update(p.pods[1].job))
	assert.False(t, update("somebody-elses"))
	assert.False(t, update(p.pods[2].job, func(p *corev1.Pod) { p.OwnerReferences = nil }), "labels do not make it a probe")
	assert.Empty(t, p.pods[2].name)
	assert.Len(t, r.notes, 2, "strangers that carry the run's labels are named")
	assert.False(t, update(p.pods[0].job, func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }), "it was ready before")
	assert.False(t, update(p.pods[2].job))
	assert.Equal(t, "partywall-0123abcd-target-0: not ready", s.waiting())
	assert.True(t, update(p.pods[0].job))
}

func labelled(kind runtime.Object, ns, name, managed, run string) runtime.Object {
	o := kind.(metav1.Object)
	o.SetNamespace(ns)
	o.SetName(name)
	o.SetUID(types.UID("uid-" + ns + "-" + name))
	l := map[string]string{}
	if managed != "" {
		l[labelManaged] = managed
	}
	if run != "" {
		l[labelRun] = run
	}
	o.SetLabels(l)
	return kind
}

func deletions(client *fake.Clientset) map[string]metav1.DeleteOptions {
	all := map[string]metav1.DeleteOptions{}
	for _, a := range client.Actions() {
		if d, ok := a.(clienttesting.DeleteActionImpl); ok {
			all[fmt.Sprintf("%s %s/%s", d.GetResource().Resource, d.GetNamespace(), d.GetName())] = d.GetDeleteOptions()
		}
	}
	return all
}

func TestOnlyOurOwnIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(
			labelled(&batchv1.Job{}, "t1", "partywall-0123abcd-target-0", managedBy, "0123abcd"),
			labelled(&batchv1.Job{}, "t1", "of-another-run", managedBy, "ffffffff"),
			labelled(&batchv1.Job{}, "t1", "partywall-0123abcd-target-1", "", ""),
			labelled(&batchv1.Job{}, "t1", "only-managed", managedBy, ""),
			labelled(&batchv1.Job{}, "t1", "only-run", "", "0123abcd"),
			labelled(&batchv1.Job{}, "t1", "managed-by-another", "helm", "0123abcd"),
			labelled(&batchv1.Job{}, "t2", "elsewhere", managedBy, "0123abcd"),
			labelled(&corev1.Service{}, "t1", "partywall-0123abcd-target-0", managedBy, "0123abcd"),
			labelled(&corev1.Service{}, "t1", "partywall-0123abcd-target-1", "", ""),
			labelled(&corev1.Service{}, "t1", "only-run", "", "0123abcd"),
			labelled(&corev1.Pod{}, "t1", "a-tenants", "", ""),
		)
		require.NoError(t, (&Cluster{Client: client}).Remove(t.Context(), Found{Run: "0123abcd", Namespaces: []string{"t1"}}))
		got := deletions(client)
		require.Len(t, got, 2)
		for _, name := range []string{"jobs t1/partywall-0123abcd-target-0", "services t1/partywall-0123abcd-target-0"} {
			require.Contains(t, got, name)
			assert.EqualValues(t, "uid-t1-partywall-0123abcd-target-0", *got[name].Preconditions.UID)
			assert.Equal(t, metav1.DeletePropagationBackground, *got[name].PropagationPolicy)
		}
	})
}

func TestRemoveWaitsForThePods(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, y := probePod("t1", objectName("0123abcd", 0)), probePod("t1", objectName("0123abcd", 1))
		strangers := labelled(&corev1.Pod{}, "t1", "z", managedBy, "0123abcd")
		client := fake.NewClientset(x, y, strangers)
		end := func(name string) {
			_ = client.Tracker().Delete(schema.GroupVersionResource{Version: "v1", Resource: "pods"}, "t1", name)
		}
		time.AfterFunc(3*time.Second, func() { end(x.Name) })
		time.AfterFunc(7*time.Second, func() { end(y.Name) })
		start := time.Now()
		require.NoError(t, (&Cluster{Client: client}).remove(t.Context(), "t1", "0123abcd"))
		assert.Equal(t, 7*time.Second, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(probePod("t1", objectName("0123abcd", 0)))
		start := time.Now()
		require.ErrorContains(t, (&Cluster{Client: client}).remove(t.Context(), "t1", "0123abcd"), "waiting for the probe pods of namespace t1 to end, with 1 left")
		assert.Equal(t, cleanTimeout, time.Since(start))
	})
}

func TestOneFailureKeepsNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(
			labelled(&batchv1.Job{}, "t1", objectName("0123abcd", 0), managedBy, "0123abcd"), labelled(&batchv1.Job{}, "t1", objectName("0123abcd", 1), managedBy, "0123abcd"),
			labelled(&corev1.Service{}, "t1", objectName("0123abcd", 0), managedBy, "0123abcd"), labelled(&batchv1.Job{}, "t2", objectName("0123abcd", 0), managedBy, "0123abcd"),
		)
		client.PrependReactor("delete", "jobs", func(a clienttesting.Action) (bool, runtime.Object, error) {
			d := a.(clienttesting.DeleteAction)
			return d.GetNamespace() == "t1" && d.GetName() == objectName("0123abcd", 0), nil, errors.New("no")
		})
		err := (&Cluster{Client: client}).Remove(t.Context(), Found{Run: "0123abcd", Namespaces: []string{"t1", "t2"}})
		require.ErrorContains(t, err, "removing Job t1/partywall-0123abcd-target-0: no")
		assert.Len(t, deletions(client), 4, "all were tried")
	})
}

func TestWhatIsGoneAlreadyIsNoFailure(t *testing.T) {
	t.Parallel()
	jobs := schema.GroupResource{Group: "batch", Resource: "jobs"}
	for name, err := range map[string]error{
		"gone":                     apierrors.NewNotFound(jobs, "a"),
		"another one has its name": apierrors.NewConflict(jobs, "a", errors.New("the UID in the precondition does not match")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(labelled(&batchv1.Job{}, "t1", objectName("0123abcd", 0), managedBy, "0123abcd"))
			forbid(client, "delete", "jobs", "", err)
			require.NoError(t, (&Cluster{Client: client}).removeJobs(t.Context(), "t1", "0123abcd"))
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	ended := func(o runtime.Object, kind batchv1.JobConditionType, status corev1.ConditionStatus) runtime.Object {
		o.(*batchv1.Job).Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: status}}
		return o
	}
	job := func(ns, run string) runtime.Object {
		return labelled(&batchv1.Job{}, ns, objectName(run, 0), managedBy, run)
	}
	client := fake.NewClientset(
		job("t1", "alive"), ended(job("t2", "alive"), batchv1.JobComplete, corev1.ConditionTrue),
		labelled(&corev1.Service{}, "t1", objectName("alive", 0), managedBy, "alive"),
		ended(job("t2", "dead"), batchv1.JobFailed, corev1.ConditionTrue), ended(job("t1", "dead"), batchv1.JobComplete, corev1.ConditionTrue),
		ended(job("t1", "suspended"), batchv1.JobSuspended, corev1.ConditionTrue),
		ended(job("t1", "failing"), batchv1.JobFailed, corev1.ConditionFalse),
		labelled(&corev1.Service{}, "t3", objectName("orphan", 1), managedBy, "orphan"),
		labelled(&corev1.Service{}, "t1", "my-own-db", managedBy, "deadbeef"),
		labelled(&batchv1.Job{}, "t1", "foreign", "helm", "foreign"), labelled(&batchv1.Job{}, "t1", "bare", managedBy, ""),
	)
	c := &Cluster{Client: client}
	all, err := c.Find(t.Context(), nil, "")
	require.NoError(t, err)
	assert.Equal(t, []Found{
		{Run: "alive", Namespaces: []string{"t1", "t2"}},
		{Run: "dead", Namespaces: []string{"t1", "t2"}, Dead: true},
		{Run: "failing", Namespaces: []string{"t1"}},
		{Run: "orphan", Namespaces: []string{"t3"}, Dead: true},
		{Run: "suspended", Namespaces: []string{"t1"}},
	}, all)

	some, err := c.Find(t.Context(), []string{"t1"}, "alive")
	require.NoError(t, err)
	assert.Equal(t, []Found{{Run: "alive", Namespaces: []string{"t1"}}}, some)
	none, err := c.Find(t.Context(), []string{"t9"}, "")
	require.NoError(t, err)
	assert.Empty(t, none)
}

// A run that begins while somebody looks for dead ones is not taken for one.
func TestARunThatHasJustBegunIsAlive(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	begun := false
	client.PrependReactor("list", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if begun {
			return false, nil, nil
		}
		begun = true // just before the first look, the Job; just after it, the Service
		require.NoError(t, client.Tracker().Add(labelled(&batchv1.Job{}, "t1", objectName("new", 0), managedBy, "new")))
		defer func() {
			require.NoError(t, client.Tracker().Add(labelled(&corev1.Service{}, "t1", objectName("new", 0), managedBy, "new")))
		}()
		object, err := client.Tracker().List(a.GetResource(), a.(clienttesting.ListActionImpl).Kind, "t1")
		return true, object, err
	})
	all, err := (&Cluster{Client: client}).Find(t.Context(), []string{"t1"}, "")
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.False(t, all[0].Dead)
}

func TestOnlyPlacesThatWereTouchedAreCleaned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		r := runOn(client, "t1", "t2")
		r.places[0].touched = true // its first Job was refused, as far as anybody knows
		assert.Empty(t, r.cleanUp(t.Context()))
		for _, a := range client.Actions() {
			assert.Equal(t, "t1", a.GetNamespace())
		}
		assert.NotEmpty(t, client.Actions())
	})
}

func TestOutcomeOfAPlaceWithHalfItsProbes(t *testing.T) {
	t.Parallel()
	half := standing("t1", "t1", "a")
	half.fail("the probe Job was refused")
	whole := standing("t2", "t2", "a", "b", "a")
	r := bound(tenantsOf("t1", "t2"), false, []suites.Attempt{attemptOf("t1", "t2", 0, suites.SameNode), attemptOf("t2", "t1", 1, suites.CrossNode)}, half, whole)
	r.closeSessions()
	assert.Len(t, r.podsByIP(), 0)
	assert.Len(t, r.otherKeys(whole.pods[0]), 3)
	cases, _ := r.evidence()
	for k := range cases {
		assert.Equal(t, "the probe Job was refused", k.Problem)
		assert.False(t, k.Interrupted)
	}
}
