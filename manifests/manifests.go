// Package manifests holds every YAML that is applied or shipped: the probe's
// objects, the roles of a runner, and the tenants of the demo.
package manifests

import (
	"bytes"
	"embed"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Files are the manifests by path, such as roles/runner.yaml.
//
//go:embed probe roles demo
var Files embed.FS

// ProbeJob is the Job of one probe pod, to be filled in. It panics where the
// embedded file is not what it was when this was built.
func ProbeJob() *batchv1.Job {
	var job batchv1.Job
	mustDecode("probe/job.yaml", &job)
	return &job
}

// ProbeService is the Service of one target, to be filled in. It panics as
// ProbeJob does.
func ProbeService() *corev1.Service {
	var service corev1.Service
	mustDecode("probe/service.yaml", &service)
	return &service
}

// PlainPod is the pod that admission is asked about, to be filled in. It panics
// as ProbeJob does.
func PlainPod() *corev1.Pod {
	var pod corev1.Pod
	mustDecode("probe/pod.yaml", &pod)
	return &pod
}

func mustDecode(path string, into any) {
	if err := yaml.UnmarshalStrict(bytes.TrimSpace(read(path)), into); err != nil {
		panic("manifests: " + path + ": " + err.Error())
	}
}

// read is an embedded file, which is there.
func read(path string) []byte {
	b, err := Files.ReadFile(path)
	if err != nil {
		panic("manifests: " + err.Error())
	}
	return b
}
