package tenancy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
)

func podWith(containers ...string) corev1.Pod {
	var pod corev1.Pod
	for _, name := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name})
	}
	return pod
}

func TestMeshed(t *testing.T) {
	t.Parallel()
	native := podWith("app")
	native.Spec.InitContainers = []corev1.Container{{Name: "istio-init"}, {Name: "istio-proxy"}}
	ours := podWith("probe", "istio-proxy")
	ours.Labels = map[string]string{"partywall.dev/role": "probe"}
	ended := podWith("job", "istio-proxy")
	ended.Status.Phase = corev1.PodSucceeded
	asks := map[string]string{"istio-injection": "enabled"}
	for name, tc := range map[string]struct {
		pods   []corev1.Pod
		labels map[string]string
		want   bool
	}{
		"nothing there":                     {nil, nil, false},
		"a proxy beside one":                {[]corev1.Pod{podWith("app"), podWith("app", "istio-proxy")}, nil, true},
		"a proxy that starts first":         {[]corev1.Pod{native}, nil, true},
		"another mesh's":                    {[]corev1.Pod{podWith("app", "linkerd-proxy")}, nil, false},
		"a gateway alone, and labels ask":   {[]corev1.Pod{podWith("istio-proxy")}, asks, true},
		"a gateway":                         {[]corev1.Pod{podWith("istio-proxy")}, nil, false},
		"a probe that another run left":     {[]corev1.Pod{ours}, nil, false},
		"pods that ended":                   {[]corev1.Pod{ended}, nil, false},
		"no pods, and labels ask":           {nil, asks, true},
		"no pods, and a revision is asked":  {nil, map[string]string{"istio.io/rev": "stable"}, true},
		"no pods, and it is disabled":       {nil, map[string]string{"istio-injection": "disabled", "istio.io/rev": "stable"}, false},
		"labels ask, and pods have no such": {[]corev1.Pod{podWith("app")}, asks, false},
	} {
		assert.Equal(t, tc.want, meshed(tc.pods, tc.labels), name)
	}
}
