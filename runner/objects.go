package runner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/tenancy"
)

// Labels of all that a run creates.
const (
	labelManaged = "app.kubernetes.io/managed-by"
	managedBy    = "partywall"
	labelRun     = "partywall.dev/run"
	labelPod     = "partywall.dev/pod"
	labelInject  = "sidecar.istio.io/inject" // which Istio goes by, whatever the namespace says
	// nativeSidecar has Istio's proxy end with the probe, so that a Job that nobody
	// speaks to ends too; Istio before 1.25 may not know it.
	nativeSidecar = "sidecar.istio.io/nativeSidecar"
)

const (
	container    = "probe"
	socketPath   = "/run/partywall/probe.sock"
	abandonAfter = 2 * time.Minute // from the last of the places being ready
)

func (p *place) objectName(run string, slot int) string {
	return objectPrefix + run + "-" + p.slotName(slot)
}

const objectPrefix = "partywall-"

// headlessSuffix stands in the place of a slot's name in that of the Service
// without an address by which the pods of a run have names of their own.
const headlessSuffix = "pods"

func (p *place) headlessName(run string) string {
	return objectPrefix + run + "-" + p.prefix() + headlessSuffix
}

func (r *run) job(p *place, slot int) *batchv1.Job {
	job := manifests.ProbeJob()
	job.Name, job.Namespace = p.objectName(r.id, slot), p.namespace
	seconds := max(1, int64(r.opts.MaxDuration/time.Second))
	job.Spec.ActiveDeadlineSeconds = &seconds
	p.disguise(job)
	if p.proxied {
		job.Spec.Template.Labels[labelInject] = "true"
		job.Spec.Template.Annotations = map[string]string{nativeSidecar: "true"}
	}
	r.mark(job.Labels, p, slot)
	r.mark(job.Spec.Template.Labels, p, slot)
	spec := &job.Spec.Template.Spec
	spec.Affinity = r.nodes.prefer(slot)
	spec.Hostname, spec.Subdomain = slotNames[slot], p.headlessName(r.id)
	c := &spec.Containers[0]
	c.Image = r.opts.Image
	c.Args = append(c.Args, "--socket", socketPath)
	if !r.opts.Keep {
		c.Args = append(c.Args, "--abandon-after", r.abandonAfter().String())
	}
	if slot == slotSource {
		c.Args = append(c.Args, "--source-only")
		return job
	}
	for _, port := range p.ports {
		if !slices.Contains(ownPorts[:], port) {
			c.Args = append(c.Args, "--"+port.Protocol+"-port", strconv.Itoa(port.Number))
			allowLowPort(spec, port)
		}
		if name := p.names[port]; name != "" {
			callPort(c, port, name)
		}
	}
	if health := p.healthPort(); health != probes.PortHealth {
		c.Args = append(c.Args, "--health-port", strconv.Itoa(health))
		moveHealth(c, health)
	}
	return job
}

// callPort gives a port the name that the tenant's own containers give it,
// since policies may select by that.
func callPort(c *corev1.Container, port tenancy.Port, name string) {
	protocol := corev1.Protocol(strings.ToUpper(port.Protocol))
	for i := range c.Ports {
		if int(c.Ports[i].ContainerPort) == port.Number && c.Ports[i].Protocol == protocol {
			c.Ports[i].Name = name
			return
		}
	}
	c.Ports = append(c.Ports, corev1.ContainerPort{Name: name, ContainerPort: int32(port.Number), Protocol: protocol})
}

// abandonAfter leaves the places that are ready first the time until the last
// is, before which nobody speaks to them.
func (r *run) abandonAfter() time.Duration {
	turns := (len(r.places) + startedAtOnce - 1) / startedAtOnce
	return time.Duration(turns)*r.opts.DeployTimeout + abandonAfter
}

// healthPort is one that none of the targets is asked on.
func (p *place) healthPort() int {
	health := probes.PortHealth
	for slices.Contains(p.ports, tenancy.Port{Protocol: "tcp", Number: health}) {
		health++
	}
	return health
}

func moveHealth(c *corev1.Container, port int) {
	c.ReadinessProbe.HTTPGet.Port = intstr.FromInt32(int32(port))
	if c.StartupProbe != nil {
		c.StartupProbe.HTTPGet.Port = c.ReadinessProbe.HTTPGet.Port
	}
	for i := range c.Ports {
		if c.Ports[i].ContainerPort == probes.PortHealth {
			c.Ports[i].ContainerPort = int32(port)
		}
	}
}

func (r *run) mark(labels map[string]string, p *place, slot int) {
	labels[labelRun] = r.id
	labels[labelPod] = p.slotName(slot)
}

// allowLowPort lets an unprivileged process listen below 1024, by a sysctl
// that Kubernetes counts as safe and the restricted standard admits.
func allowLowPort(spec *corev1.PodSpec, p tenancy.Port) {
	if p.Number < 1024 && len(spec.SecurityContext.Sysctls) == 0 {
		spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "1"}}
	}
}

// service leads to a target.
func (r *run) service(q *pod) *corev1.Service {
	s, p := manifests.ProbeService(), q.place
	s.Name, s.Namespace = q.job, p.namespace
	r.mark(s.Labels, p, q.slot)
	// Not the controller's kind of reference: to block an owner's deletion is
	// a right over the owner that clusters may ask for.
	s.OwnerReferences = []metav1.OwnerReference{
		{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job", Name: q.job, UID: q.jobUID},
	}
	s.Spec.Selector = map[string]string{labelRun: r.id, labelPod: p.slotName(q.slot)}
	s.Spec.PublishNotReadyAddresses = p.workload != "" // which is all that a shadow ever is
	for _, port := range p.ports {
		s.Spec.Ports = append(s.Spec.Ports, servicePort(port))
	}
	return s
}

// headless is the Service by which the run's pods have names of their own. It
// needs one port to be valid; the names lead to all of them.
func (r *run) headless(q *pod) *corev1.Service {
	s := r.service(q)
	s.Name = q.headless()
	delete(s.Labels, labelPod)
	s.Spec.ClusterIP = corev1.ClusterIPNone
	s.Spec.PublishNotReadyAddresses = true // a name must not come and go with a health check
	s.Spec.Selector = map[string]string{labelRun: r.id}
	s.Spec.Ports = s.Spec.Ports[:1]
	return s
}

func servicePort(p tenancy.Port) corev1.ServicePort {
	name, protocol := fmt.Sprintf("tcp-%d", p.Number), corev1.ProtocolTCP
	switch {
	case p.Protocol == "udp":
		name, protocol = fmt.Sprintf("udp-%d", p.Number), corev1.ProtocolUDP
	case p.Number == probes.PortHTTP:
		name = fmt.Sprintf("http-%d", p.Number)
	case p.Number == probes.PortTLS:
		name = fmt.Sprintf("https-%d", p.Number)
	case p.Number == probes.PortH2C:
		name = fmt.Sprintf("http2-%d", p.Number)
	}
	return corev1.ServicePort{
		Name: name, Protocol: protocol, Port: int32(p.Number), TargetPort: intstr.FromInt32(int32(p.Number)),
	}
}
