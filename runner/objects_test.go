package runner

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/tenancy"
)

func objectsRun() *run {
	return &run{id: "0123abcd", opts: options(), nodes: &nodes{preferred: []string{"a", "b"}}, places: []*place{{}, {}}}
}

func placeWith(ports ...tenancy.Port) *place {
	return &place{tenant: "t1", namespace: "t1", ports: append(ownPorts[:len(ownPorts):len(ownPorts)], ports...)}
}

func TestJobsAreRestricted(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	low := placeWith(tenancy.Port{Protocol: "tcp", Number: 443}, tenancy.Port{Protocol: "udp", Number: 53}, tenancy.Port{Protocol: "tcp", Number: 9100})
	for _, p := range []*place{placeWith(), low} {
		for slot := range slots {
			job := objectsRun().job(p, slot)
			for _, version := range []psa.Version{psa.MajorMinorVersion(1, 22), psa.MajorMinorVersion(1, 25), psa.LatestVersion()} {
				for _, r := range evaluator.EvaluatePod(psa.LevelVersion{Level: psa.LevelRestricted, Version: version}, &job.Spec.Template.ObjectMeta, &job.Spec.Template.Spec) {
					assert.True(t, r.Allowed, "%s %s: %s: %s", slotNames[slot], version, r.ForbiddenReason, r.ForbiddenDetail)
				}
			}
		}
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	r := objectsRun()
	for slot := range slots {
		job := r.job(placeWith(), slot)
		assert.Equal(t, "partywall-0123abcd-"+slotNames[slot], job.Name)
		assert.Equal(t, "t1", job.Namespace)
		for _, l := range []map[string]string{job.Labels, job.Spec.Template.Labels} {
			assert.Equal(t, []string{managedBy, "0123abcd", slotNames[slot]}, []string{l[labelManaged], l[labelRun], l[labelPod]})
			selector, err := labels.Parse(ours("0123abcd"))
			require.NoError(t, err)
			assert.True(t, selector.Matches(labels.Set(l)))
		}
		assert.EqualValues(t, 3600, *job.Spec.ActiveDeadlineSeconds)
		assert.NotNil(t, job.Spec.TTLSecondsAfterFinished)
		assert.Zero(t, *job.Spec.BackoffLimit)
		spec := job.Spec.Template.Spec
		assert.False(t, *spec.AutomountServiceAccountToken)
		assert.Equal(t, corev1.RestartPolicyNever, spec.RestartPolicy)
		assert.Equal(t, []string{"a", "b", "a"}[slot],
			spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution[0].Preference.MatchFields[0].Values[0])
		require.Len(t, spec.Containers, 1)
		c := spec.Containers[0]
		assert.Equal(t, "example.test/probe:1", c.Image)
		assert.Equal(t, []string{"10m", "32Mi", "0", "128Mi"}, []string{
			c.Resources.Requests.Cpu().String(), c.Resources.Requests.Memory().String(),
			c.Resources.Limits.Cpu().String(), c.Resources.Limits.Memory().String(),
		})
		assert.Equal(t, slot == slotSource, contains(c.Args, "--source-only"))
	}
}

func contains(args []string, words ...string) bool {
	for i := range args {
		if i+len(words) <= len(args) && assert.ObjectsAreEqual(words, args[i:i+len(words)]) {
			return true
		}
	}
	return false
}

func TestJobListensOnThePortsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	port := func(protocol string, number int) tenancy.Port {
		return tenancy.Port{Protocol: protocol, Number: number}
	}
	for _, c := range []struct {
		name   string
		extra  []tenancy.Port
		args   [][]string
		none   string
		low    bool
		health int
	}{
		{name: "its own", none: "--tcp-port", health: probes.PortHealth},
		{name: "a high one", extra: []tenancy.Port{port("tcp", 5432)}, args: [][]string{{"--tcp-port", "5432"}}, health: probes.PortHealth},
		{name: "a low one", extra: []tenancy.Port{port("udp", 53)}, args: [][]string{{"--udp-port", "53"}}, low: true, health: probes.PortHealth},
		{name: "two low ones", extra: []tenancy.Port{port("tcp", 80), port("tcp", 443)}, args: [][]string{{"--tcp-port", "80"}, {"--tcp-port", "443"}}, low: true, health: probes.PortHealth},
		{name: "its own number on the other protocol", extra: []tenancy.Port{port("tcp", probes.PortUDP), port("udp", probes.PortTCP)}, args: [][]string{{"--tcp-port", "9053"}, {"--udp-port", "9007"}}, health: probes.PortHealth},
		{name: "that of its health checks", extra: []tenancy.Port{port("tcp", 9100), port("tcp", 9101)}, args: [][]string{{"--tcp-port", "9100"}, {"--health-port", "9102"}}, health: 9102},
		{name: "that of its health checks, on UDP", extra: []tenancy.Port{port("udp", 9100)}, args: [][]string{{"--udp-port", "9100"}}, none: "--health-port", health: probes.PortHealth},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, p := objectsRun(), placeWith(c.extra...)
			spec := r.job(p, slotTarget1).Spec.Template.Spec
			probe := spec.Containers[0]
			for _, words := range c.args {
				assert.True(t, contains(probe.Args, words...), "%v in %v", words, probe.Args)
			}
			assert.NotContains(t, probe.Args, c.none)
			assert.Equal(t, c.low, len(spec.SecurityContext.Sysctls) == 1)
			assert.Equal(t, c.health, probe.ReadinessProbe.HTTPGet.Port.IntValue())
			source := r.job(p, slotSource).Spec.Template.Spec
			assert.NotContains(t, source.Containers[0].Args, "--tcp-port")
			assert.Empty(t, source.SecurityContext.Sysctls)

			service := r.service(podAt(p, slotTarget1))
			names := map[string]bool{}
			for i, port := range service.Spec.Ports {
				names[port.Name] = true
				assert.EqualValues(t, p.ports[i].Number, port.Port)
				assert.Equal(t, intstr.FromInt32(port.Port), port.TargetPort)
				assert.LessOrEqual(t, len(port.Name), 15)
			}
			assert.Len(t, names, len(ownPorts)+len(c.extra), "each has a name of its own")
		})
	}
}

// Probes with a proxy ask for one that ends with them, and share no name and no
// Service with the namespace's own.
func TestJobsOfProbesWithProxies(t *testing.T) {
	t.Parallel()
	r, p := objectsRun(), placeWith()
	p.proxied = true
	job := r.job(p, slotTarget0)
	assert.Equal(t, "partywall-0123abcd-sidecar-target-0", job.Name)
	assert.True(t, made(job.ObjectMeta))
	assert.Equal(t, "true", job.Spec.Template.Labels["sidecar.istio.io/inject"])
	assert.Equal(t, "true", job.Spec.Template.Annotations["sidecar.istio.io/nativeSidecar"])
	plain := r.job(placeWith(), slotTarget0)
	assert.Equal(t, "false", plain.Spec.Template.Labels["sidecar.istio.io/inject"])
	assert.NotContains(t, plain.Spec.Template.Annotations, "sidecar.istio.io/nativeSidecar")
	s := r.service(podAt(p, slotTarget0))
	assert.False(t, labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(plain.Spec.Template.Labels)))
	assert.True(t, labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(job.Spec.Template.Labels)))
}

func TestServiceHasOneEndpoint(t *testing.T) {
	t.Parallel()
	r, p := objectsRun(), placeWith()
	for _, slot := range []int{slotTarget0, slotTarget1} {
		job := r.job(p, slot)
		job.UID = "uid-1"
		s := r.service(&pod{place: p, slot: slot, job: job.Name, jobUID: job.UID})
		assert.Equal(t, job.Name, s.Name)
		assert.Equal(t, []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: "uid-1"}}, s.OwnerReferences)
		assert.Equal(t, []string{managedBy, "0123abcd"}, []string{s.Labels[labelManaged], s.Labels[labelRun]})
		for other := range slots {
			matches := labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(r.job(p, other).Spec.Template.Labels))
			assert.Equal(t, other == slot, matches, slotNames[other])
		}
		another := objectsRun()
		another.id = "ffffffff"
		assert.False(t, labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(another.job(p, slot).Spec.Template.Labels)), "of another run")
	}
}

func TestProbesThatAreKeptAreNotAbandoned(t *testing.T) {
	t.Parallel()
	r := objectsRun()
	assert.True(t, contains(r.job(placeWith(), slotTarget0).Spec.Template.Spec.Containers[0].Args, "--abandon-after", "4m0s"))
	r.places = make([]*place, 200)
	assert.Equal(t, 4*2*time.Minute+abandonAfter, r.abandonAfter(), "the first places wait for the last")
	r.opts.Keep = true
	assert.NotContains(t, r.job(placeWith(), slotTarget0).Spec.Template.Spec.Containers[0].Args, "--abandon-after")
}

func TestAShortRunHasADeadlineToo(t *testing.T) {
	t.Parallel()
	r := objectsRun()
	r.opts.MaxDuration = 100 * time.Millisecond
	assert.EqualValues(t, 1, *r.job(placeWith(), slotTarget0).Spec.ActiveDeadlineSeconds)
}

func TestCompareAdmitted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		change  func(*corev1.Pod)
		problem string
		sidecar bool
		ambient bool
		note    string
	}{
		{name: "in an ambient mesh", change: func(p *corev1.Pod) {
			p.Annotations = map[string]string{"ambient.istio.io/redirection": "enabled"}
		}, ambient: true},
		{name: "as it was submitted", change: func(*corev1.Pod) {}},
		{name: "a proxy", change: func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy"})
		}, sidecar: true},
		{name: "a proxy as an init container", change: func(p *corev1.Pod) {
			p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: "linkerd-proxy"})
		}, sidecar: true},
		{name: "something else", change: func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "vault"})
		}, note: "admission added container vault to the probe pods of namespace t1"},
		{name: "another image", change: func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mirror/probe" }, problem: "it runs mirror/probe"},
		{name: "other arguments", change: func(p *corev1.Pod) { p.Spec.Containers[0].Args = nil }, problem: "admission changed the probe"},
		{name: "a command", change: func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"/wrap"} }, problem: "[/wrap serve"},
		{name: "its node's network", change: func(p *corev1.Pod) { p.Spec.HostNetwork = true }, problem: "on its node's network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, p := objectsRun(), placeWith()
			q := &pod{place: p, slot: slotTarget0}
			got := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "t1"}, Spec: r.job(p, slotTarget0).Spec.Template.Spec}
			c.change(got)
			r.compare(q, got)
			if c.problem == "" {
				assert.Empty(t, p.problem)
			} else {
				assert.Contains(t, p.problem, c.problem)
			}
			assert.Equal(t, c.sidecar, q.sidecar)
			assert.Equal(t, !c.sidecar && !c.ambient && c.note == "", q.alone)
			if c.note != "" {
				assert.Equal(t, []string{c.note}, r.notes)
			}
		})
	}
}

func TestExecLineIsOneCommandWhateverIsInIt(t *testing.T) {
	t.Parallel()
	q := standing("t1", "t1", "a").pods[0]
	line := q.execLine("it's", probes.Order{ID: "a'; rm -rf ~; '", Port: 80})
	assert.Contains(t, line, `--context 'it'\''s' exec -i -n t1 target-0-x -c probe -- /probe pipe --socket `+socketPath)
	assert.Contains(t, line, `"id":"a'\''; rm -rf ~; '\''"`)
	assert.Contains(t, line, `"port":`+strconv.Itoa(80))
}

// A flag that the probe does not know ends it before it begins.
func TestTheProbeKnowsItsFlags(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../cmd/probe/serve.go")
	require.NoError(t, err)
	p := placeWith(tenancy.Port{Protocol: "tcp", Number: 9100}, tenancy.Port{Protocol: "udp", Number: 53})
	flags := 0
	for slot := range slots {
		for _, arg := range objectsRun().job(p, slot).Spec.Template.Spec.Containers[0].Args {
			if name, ok := strings.CutPrefix(arg, "--"); ok {
				flags++
				assert.Contains(t, string(source), `"`+name+`", `, "serve declares no such flag")
			}
		}
	}
	assert.Greater(t, flags, 6)
}
