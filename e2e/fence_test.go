package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/e2e-framework/klient/decoder"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/verdicts"
)

const fenceWords = "partywall-fence: "

// dryRun goes through admission and no further.
var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

// fence puts up the shipped fence, waits until the API server holds the runner
// to both of its policies, and returns the runner's client. It goes with the
// test, or the others would be fenced in too.
func fence(t *testing.T, w *world) kubernetes.Interface {
	t.Helper()
	config := rest.CopyConfig(lab.runner)
	config.WarningHandler = rest.NoWarnings{} // of Pod Security, whose namespaces the tests provoke
	runner, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	ctx := context.Background()
	require.NoError(t, apply(ctx, "roles/fence.yaml", ""))
	t.Cleanup(func() { remove(t, "roles/fence.yaml") })
	ns := w.spaces[w.tenants[0]][0]
	misnamed, onHost := probeJob(ns), probeJob(ns)
	misnamed.Name = "innocent"
	onHost.Spec.Template.Spec.HostNetwork = true
	require.NoError(t, wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, one := runner.BatchV1().Jobs(ns).Create(ctx, misnamed, dryRun)
		_, other := runner.BatchV1().Jobs(ns).Create(ctx, onHost, dryRun)
		return fenced(one) && fenced(other), nil
	}))
	return runner
}

func fenced(err error) bool { return err != nil && strings.Contains(err.Error(), fenceWords) }

func remove(t *testing.T, path string) {
	t.Helper()
	f, err := manifests.Files.Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, decoder.DecodeEach(context.Background(), f, decoder.DeleteIgnoreNotFound(lab.klient.Resources())))
}

// probeJob is a Job such as a run makes.
func probeJob(namespace string) *batchv1.Job {
	job := manifests.ProbeJob()
	job.Name, job.Namespace = "partywall-00000000-source", namespace
	job.Spec.Template.Spec.Containers[0].Image = probeImage
	return job
}

// TestAWholeRunUnderTheFence runs with the cluster-wide form of the roles,
// which needs the fence most. It is not parallel: the fence is for all.
func TestAWholeRunUnderTheFence(t *testing.T) {
	w := newWorld(t, 2)
	ctx := context.Background()
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			require.NoError(t, lab.admin.RbacV1().RoleBindings(ns).Delete(ctx, "partywall-tenant", metav1.DeleteOptions{}))
		}
	}
	require.NoError(t, apply(ctx, "roles/cluster-wide.yaml", ""))
	t.Cleanup(func() { remove(t, "roles/cluster-wide.yaml") })
	fence(t, w)

	// A port below 1024 takes the one sysctl that the fence lets through.
	w.extra = "crossings:\n  - {from: " + w.tenants[0] + ", to: " + w.tenants[1] + ", ports: [tcp/81], reason: e2e}\n"
	evidence := filepath.Join(w.dir, "evidence.tar.gz")
	o := w.run("--bundle", evidence)
	require.Empty(t, problemsOf(o), o.stderr)
	require.Equal(t, 1, o.exit, o.stderr)
	w.requireBundle(evidence)
	require.Len(t, o.record.Results, w.size()+2*len(w.spaces[w.tenants[1]])*3)
	for _, r := range o.record.Results {
		want := oneSided(r, verdicts.Isolated)
		if strings.Contains(r.ID, ":81/") && strings.Contains(r.ID, "/"+w.tenants[0]+".") {
			want = verdicts.Broken // declared, but walled off
		}
		require.Equal(t, want, r.Verdict, "%s: %s", r.ID, r.Why)
	}
	w.requireClean()
}

// requireBundle wants a whole bundle of a run, with what only the run itself has.
func (w *world) requireBundle(path string) {
	w.t.Helper()
	verified, err := exec.Command(lab.binary, "verify", path).CombinedOutput()
	require.NoError(w.t, err, string(verified))
	list, err := exec.Command("tar", "-tzf", path).Output()
	require.NoError(w.t, err)
	names := strings.Fields(string(list))
	require.Equal(w.t, "manifest.json", names[0])
	want := []string{"results.json", "report.html", "tenancy.yaml", "plan.json", "observations.jsonl"}
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			want = append(want, "policies/"+ns+"/"+wallName+".yaml")
		}
	}
	require.Subset(w.t, names, want)
}

// problemsOf are what the fence refused of a run.
func problemsOf(o outcome) []string {
	var found []string
	for _, text := range append([]string{o.stdout, o.stderr}, o.record.Summary.Notes...) {
		if strings.Contains(text, fenceWords) || strings.Contains(text, "not cleaned up") {
			found = append(found, text)
		}
	}
	return found
}

func TestTheFenceRefusesWhatNoRunDoes(t *testing.T) {
	w := newWorld(t, 2)
	runner := fence(t, w)
	ctx := context.Background()
	ns := w.spaces[w.tenants[0]][0]

	_, err := runner.BatchV1().Jobs(ns).Create(ctx, probeJob(ns), dryRun)
	require.NoError(t, err, "the probe's own Job")

	pod := func(change func(*corev1.PodSpec)) func(*batchv1.Job) {
		return func(j *batchv1.Job) { change(&j.Spec.Template.Spec) }
	}
	probe := func(change func(*corev1.Container)) func(*batchv1.Job) {
		return pod(func(s *corev1.PodSpec) { change(&s.Containers[0]) })
	}
	volume := func(source corev1.VolumeSource) func(*batchv1.Job) {
		return pod(func(s *corev1.PodSpec) { s.Volumes = append(s.Volumes, corev1.Volume{Name: "x", VolumeSource: source}) })
	}
	yes, no, root, unconfined := true, false, int64(0), corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	for name, change := range map[string]func(*batchv1.Job){
		"another name":               func(j *batchv1.Job) { j.Name = "innocent" },
		"without the label":          func(j *batchv1.Job) { delete(j.Labels, "app.kubernetes.io/managed-by") },
		"pods without the label":     func(j *batchv1.Job) { delete(j.Spec.Template.Labels, "app.kubernetes.io/managed-by") },
		"without a deadline":         func(j *batchv1.Job) { j.Spec.ActiveDeadlineSeconds = nil },
		"never removed":              func(j *batchv1.Job) { j.Spec.TTLSecondsAfterFinished = nil },
		"many pods":                  func(j *batchv1.Job) { n := int32(9); j.Spec.Parallelism = &n; j.Spec.Completions = &n },
		"another image":              probe(func(c *corev1.Container) { c.Image = "docker.io/partywall-lab/prober:1" }),
		"an image that begins alike": probe(func(c *corev1.Container) { c.Image = "ghcr.io/partywall/probe-evil:1" }),
		"an image below it":          probe(func(c *corev1.Container) { c.Image = "ghcr.io/partywall/probe/evil:1" }),
		"a command":                  probe(func(c *corev1.Container) { c.Command = []string{"/probe"} }),
		"a Secret's environment": probe(func(c *corev1.Container) {
			c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "x"}}}}
		}),
		"a Secret's value": probe(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k", LocalObjectReference: corev1.LocalObjectReference{Name: "x"}}}}}
		}),
		"a second container": pod(func(s *corev1.PodSpec) {
			s.Containers = append(s.Containers, corev1.Container{Name: "b", Image: probeImage})
		}),
		"an init container":    pod(func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{{Name: "b", Image: probeImage}} }),
		"hostNetwork":          pod(func(s *corev1.PodSpec) { s.HostNetwork = true }),
		"hostPID":              pod(func(s *corev1.PodSpec) { s.HostPID = true }),
		"hostIPC":              pod(func(s *corev1.PodSpec) { s.HostIPC = true }),
		"a hostPort":           probe(func(c *corev1.Container) { c.Ports[0].HostPort = 8080 }),
		"a node of its choice": pod(func(s *corev1.PodSpec) { s.NodeName = "node1" }),
		"a toleration":         pod(func(s *corev1.PodSpec) { s.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} }),
		"a Secret":             volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "x"}}),
		"a hostPath":           volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}),
		"a projected token": volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "t"}}}}}),
		"a token":            pod(func(s *corev1.PodSpec) { s.AutomountServiceAccountToken = &yes }),
		"a token by default": pod(func(s *corev1.PodSpec) { s.AutomountServiceAccountToken = nil }),
		"a tenant's label":   func(j *batchv1.Job) { j.Spec.Template.Labels["app"] = "web" },
		"another account":    pod(func(s *corev1.PodSpec) { s.ServiceAccountName = "boss" }),
		"root":               pod(func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot = &no }),
		"no seccomp profile": pod(func(s *corev1.PodSpec) { s.SecurityContext.SeccompProfile = nil }),
		"no pod security":    pod(func(s *corev1.PodSpec) { s.SecurityContext = nil }),
		"an unsafe sysctl": pod(func(s *corev1.PodSpec) {
			s.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"}}
		}),
		"privileged": probe(func(c *corev1.Container) {
			c.SecurityContext.Privileged = &yes
			c.SecurityContext.AllowPrivilegeEscalation = nil
		}),
		"escalation":         probe(func(c *corev1.Container) { c.SecurityContext.AllowPrivilegeEscalation = &yes }),
		"a capability":       probe(func(c *corev1.Container) { c.SecurityContext.Capabilities.Add = []corev1.Capability{"NET_RAW"} }),
		"its capabilities":   probe(func(c *corev1.Container) { c.SecurityContext.Capabilities = nil }),
		"root by itself":     probe(func(c *corev1.Container) { c.SecurityContext.RunAsUser = &root }),
		"no profile itself":  probe(func(c *corev1.Container) { c.SecurityContext.SeccompProfile = &unconfined }),
		"a root to write on": probe(func(c *corev1.Container) { c.SecurityContext.ReadOnlyRootFilesystem = nil }),
		"no security":        probe(func(c *corev1.Container) { c.SecurityContext = nil }),
	} {
		t.Run(name, func(t *testing.T) {
			job := probeJob(ns)
			change(job)
			_, err := runner.BatchV1().Jobs(ns).Create(ctx, job, dryRun)
			require.True(t, fenced(err), "%v", err)
			require.True(t, apierrors.IsForbidden(err) || apierrors.IsInvalid(err), "%v", err)
		})
	}
}

// The fence holds the runner, and nobody else.
func TestTheFenceIsNobodyElses(t *testing.T) {
	w := newWorld(t, 2)
	fence(t, w)
	ns := w.spaces[w.tenants[0]][0]
	job := probeJob(ns)
	job.Name, job.Spec.Template.Spec.Containers[0].Image = "nightly", "docker.io/partywall-lab/prober:1"
	_, err := lab.admin.BatchV1().Jobs(ns).Create(context.Background(), job, dryRun)
	require.NoError(t, err)
}

// TestTheFenceKeepsOthersObjects tries what the runner's rights alone allow.
func TestTheFenceKeepsOthersObjects(t *testing.T) {
	w := newWorld(t, 2)
	runner := fence(t, w)
	ctx := context.Background()
	ns := w.spaces[w.tenants[0]][0]
	services := lab.admin.CoreV1().Services(ns)
	for _, name := range []string{"tenants-own", "partywall-but-not-ours"} {
		_, err := services.Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, metav1.CreateOptions{})
		require.NoError(t, err)
		err = runner.CoreV1().Services(ns).Delete(ctx, name, metav1.DeleteOptions{})
		require.True(t, fenced(err), "%s: %v", name, err)
	}

	ours := map[string]string{"app.kubernetes.io/managed-by": "partywall"}
	ports := []corev1.ServicePort{{Port: 80}}
	for name, spec := range map[string]corev1.ServiceSpec{
		"a NodePort":            {Type: corev1.ServiceTypeNodePort, Ports: ports, Selector: map[string]string{"partywall.dev/run": "x"}},
		"an external address":   {ExternalIPs: []string{"203.0.113.10"}, Ports: ports, Selector: map[string]string{"partywall.dev/run": "x"}},
		"another name":          {Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"},
		"somebody else's pods":  {Ports: ports, Selector: map[string]string{"app": "web"}},
		"pods that nobody says": {Ports: ports},
	} {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "partywall-x", Labels: ours}, Spec: spec}
		_, err := runner.CoreV1().Services(ns).Create(ctx, s, dryRun)
		require.True(t, fenced(err), "%s: %v", name, err)
	}

	// Ports of the nodes are let through where the namespace says so, and no more than they.
	_, err := lab.admin.CoreV1().Namespaces().Patch(ctx, ns, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"partywall.dev/node-ports":"allowed"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	create := func(kind corev1.ServiceType) error {
		_, err := runner.CoreV1().Services(ns).Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "partywall-x", Labels: ours},
			Spec:       corev1.ServiceSpec{Type: kind, Ports: ports, Selector: map[string]string{"partywall.dev/run": "x"}},
		}, dryRun)
		return err
	}
	require.NoError(t, wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return create(corev1.ServiceTypeNodePort) == nil, nil
	}))
	require.True(t, fenced(create(corev1.ServiceTypeLoadBalancer)))

	err = execInto(ctx, runner, ns, "tenants-pod")
	require.True(t, fenced(err), "%v", err)
	err = execInto(ctx, runner, ns, "partywall-x")
	require.True(t, apierrors.IsNotFound(err), "the fence has nothing against it, but there is no such pod: %v", err)
}

// execInto asks for an exec as far as admission; nothing is streamed.
func execInto(ctx context.Context, client kubernetes.Interface, namespace, pod string) error {
	return client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		Param("command", "/probe").Param("stdout", "true").Do(ctx).Error()
}
