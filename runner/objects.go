package runner

import (
	"fmt"
	"strconv"
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
)

const (
	container    = "probe"
	socketPath   = "/run/partywall/probe.sock"
	abandonAfter = 2 * time.Minute
)

func objectName(run string, slot int) string {
	return "partywall-" + run + "-" + slotNames[slot]
}

func (r *run) job(p *place, slot int) *batchv1.Job {
	job := manifests.ProbeJob()
	job.Name, job.Namespace = objectName(r.id, slot), p.namespace
	seconds := int64(r.opts.MaxDuration / time.Second)
	job.Spec.ActiveDeadlineSeconds = &seconds
	r.mark(job.Labels, slot)
	r.mark(job.Spec.Template.Labels, slot)
	spec := &job.Spec.Template.Spec
	spec.Affinity = r.nodes.prefer(slot)
	c := &spec.Containers[0]
	c.Image = r.opts.Image
	c.Args = append(c.Args, "--socket", socketPath)
	if !r.opts.Keep {
		c.Args = append(c.Args, "--abandon-after", abandonAfter.String())
	}
	if slot == slotSource {
		c.Args = append(c.Args, "--source-only")
		return job
	}
	for _, port := range p.ports {
		if !ownPort(port) {
			c.Args = append(c.Args, "--"+port.Protocol+"-port", strconv.Itoa(port.Number))
			allowLowPort(spec, port)
		}
	}
	return job
}

func (r *run) mark(labels map[string]string, slot int) {
	labels[labelRun] = r.id
	labels[labelPod] = slotNames[slot]
}

func ownPort(p tenancy.Port) bool {
	return p.Protocol == "tcp" && (p.Number == probes.PortHTTP || p.Number == probes.PortTCP) ||
		p.Protocol == "udp" && p.Number == probes.PortUDP
}

// allowLowPort lets an unprivileged process listen below 1024, by a sysctl
// that Kubernetes counts as safe and the restricted standard admits.
func allowLowPort(spec *corev1.PodSpec, p tenancy.Port) {
	if p.Number < 1024 && len(spec.SecurityContext.Sysctls) == 0 {
		spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "1"}}
	}
}

func (r *run) service(p *place, slot int, owner *batchv1.Job) *corev1.Service {
	s := manifests.ProbeService()
	s.Name, s.Namespace = objectName(r.id, slot), p.namespace
	r.mark(s.Labels, slot)
	s.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(owner, batchv1.SchemeGroupVersion.WithKind("Job")),
	}
	s.Spec.Selector = map[string]string{labelRun: r.id, labelPod: slotNames[slot]}
	for _, port := range p.ports {
		s.Spec.Ports = append(s.Spec.Ports, servicePort(port))
	}
	return s
}

func servicePort(p tenancy.Port) corev1.ServicePort {
	name, protocol := fmt.Sprintf("tcp-%d", p.Number), corev1.ProtocolTCP
	switch {
	case p.Protocol == "udp":
		name, protocol = fmt.Sprintf("udp-%d", p.Number), corev1.ProtocolUDP
	case p.Number == probes.PortHTTP:
		name = fmt.Sprintf("http-%d", p.Number)
	}
	return corev1.ServicePort{
		Name: name, Protocol: protocol, Port: int32(p.Number), TargetPort: intstr.FromInt32(int32(p.Number)),
	}
}
