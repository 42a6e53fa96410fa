package e2e

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/e2e-framework/klient/decoder"
	"sigs.k8s.io/e2e-framework/klient/k8s"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/verdicts"
)

// shadowJob is a Job of a shadow such as a run makes.
func shadowJob(namespace string) *batchv1.Job {
	job := probeJob(namespace)
	template := &job.Spec.Template
	template.Labels = map[string]string{
		"app": "db", "app.kubernetes.io/managed-by": "Helm", "partywall.dev/role": "probe", "partywall.dev/run": "00000000",
	}
	template.Spec.ServiceAccountName = "db-account"
	template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "partywall.dev/never-ready"}}
	template.Spec.Containers[0].ReadinessProbe.HTTPGet.Path = "/never-ready"
	return job
}

// letThrough changes the fence to what `partywall roles --fence` writes.
func letThrough(t *testing.T, r manifests.Roles) {
	t.Helper()
	text, err := r.YAML()
	require.NoError(t, err)
	policies, ctx := lab.admin.AdmissionregistrationV1().ValidatingAdmissionPolicies(), context.Background()
	require.NoError(t, decoder.DecodeEach(ctx, bytes.NewReader(text), func(ctx context.Context, o k8s.Object) error {
		policy, is := o.(*admissionv1.ValidatingAdmissionPolicy)
		if !is {
			return nil
		}
		old, err := policies.Get(ctx, policy.Name, metav1.GetOptions{})
		require.NoError(t, err)
		policy.ResourceVersion = old.ResourceVersion
		_, err = policies.Update(ctx, policy, metav1.UpdateOptions{})
		return err
	}))
}

// The fence lets shadows through where it is told to, and nothing else by the
// same way. It is not parallel: the fence is for all.
func TestShadowsUnderTheFence(t *testing.T) {
	w := newWorld(t, 2)
	ns := w.spaces[w.tenants[0]][0]
	w.deploy(ns, "db")
	w.shadow(ns, "Deployment/db")
	runner := fence(t, w)
	ctx := context.Background()
	try := func(job *batchv1.Job) error {
		_, err := runner.BatchV1().Jobs(ns).Create(ctx, job, dryRun)
		return err
	}
	require.True(t, fenced(try(shadowJob(ns))), "as it is shipped")

	letThrough(t, manifests.Roles{Fence: true, Repository: manifests.Repository(probeImage), Shadows: true, Accounts: []string{"x/y", ns + "/db-account"}})
	var last error
	require.NoError(t, wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = try(shadowJob(ns))
		return last == nil, nil
	}), "%v", last)
	require.NoError(t, try(probeJob(ns)))

	yes := true
	for name, change := range map[string]func(*batchv1.Job){
		"one that may get ready": func(j *batchv1.Job) { j.Spec.Template.Spec.ReadinessGates = nil },
		"with another gate": func(j *batchv1.Job) {
			j.Spec.Template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/ready"}}
		},
		"with a container that gets ready": func(j *batchv1.Job) {
			j.Spec.Template.Spec.Containers[0].ReadinessProbe.HTTPGet.Path = "/healthz"
		},
		"of no run":          func(j *batchv1.Job) { delete(j.Spec.Template.Labels, "partywall.dev/run") },
		"of no probe":        func(j *batchv1.Job) { delete(j.Spec.Template.Labels, "partywall.dev/role") },
		"of a ReplicaSet":    func(j *batchv1.Job) { j.Spec.Template.Labels["pod-template-hash"] = "x" },
		"of a StatefulSet":   func(j *batchv1.Job) { j.Spec.Template.Labels["controller-revision-hash"] = "x" },
		"by another account": func(j *batchv1.Job) { j.Spec.Template.Spec.ServiceAccountName = "boss" },
		"with a token":       func(j *batchv1.Job) { j.Spec.Template.Spec.AutomountServiceAccountToken = &yes },
		"another image":      func(j *batchv1.Job) { j.Spec.Template.Spec.Containers[0].Image = "docker.io/partywall-lab/prober:1" },
	} {
		job := shadowJob(ns)
		change(job)
		err := try(job)
		require.True(t, fenced(err), "%s: %v", name, err)
	}
	tenants := probeJob(ns)
	tenants.Spec.Template.Labels["app"] = "db"
	require.True(t, fenced(try(tenants)), "a probe that is ready, with a tenant's label")

	o := w.run("--targets", "shadows", "--only", "network/tcp/*/pod-ip:*")
	require.Empty(t, problemsOf(o), o.stderr)
	seen := 0
	for _, r := range o.record.Results {
		require.Equal(t, verdicts.Isolated, r.Verdict, "%s: %s", r.ID, r.Why)
		if r.To.Workload != "" {
			seen++
		}
	}
	require.NotZero(t, seen)
	require.Equal(t, 0, o.exit, o.stderr)
	w.requireClean()
}
