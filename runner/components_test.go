package runner

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestComponents(t *testing.T) {
	t.Parallel()
	template := func(image string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: image}}}}
	}
	client := fake.NewClientset(
		&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "calico-node", Namespace: "kube-system"},
			Spec: appsv1.DaemonSetSpec{Template: template("registry:5000/calico/node:v3.31.2@sha256:abc")}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "istiod", Namespace: "istio-system"},
			Spec: appsv1.DeploymentSpec{Template: template("registry:5000/pilot")}},
	)
	c := &Cluster{Client: client}
	require.Empty(t, c.Components(t.Context()), "nothing that has an API of its own")
	for _, group := range []string{"security.istio.io/v1", "crd.projectcalico.org/v1", "cilium.io/v2"} {
		client.Resources = append(client.Resources, &metav1.APIResourceList{GroupVersion: group})
	}
	require.Equal(t, []string{"Calico v3.31.2", "Cilium", "Istio"}, c.Components(t.Context()), "an image without a tag tells no version, nor does one that is not seen")
}
