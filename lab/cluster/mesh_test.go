package cluster

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/e2e-framework/klient/k8s"
)

func TestKindsComeFirst(t *testing.T) {
	definition := &unstructured.Unstructured{Object: map[string]any{"kind": "CustomResourceDefinition"}}
	other := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{Kind: "ConfigMap"}}
	kinds, others := splitKinds([]k8s.Object{other, definition})
	if len(kinds) != 1 || kinds[0] != k8s.Object(definition) || len(others) != 1 || others[0] != k8s.Object(other) {
		t.Errorf("kinds %v, others %v", kinds, others)
	}
}

func TestEstablished(t *testing.T) {
	with := func(kind, status string) map[string]any {
		return map[string]any{"status": map[string]any{"conditions": []any{map[string]any{"type": kind, "status": status}}}}
	}
	for name, test := range map[string]struct {
		object map[string]any
		want   bool
	}{
		"established":        {with("Established", "True"), true},
		"not established":    {with("Established", "False"), false},
		"only its name":      {with("NamesAccepted", "True"), false},
		"without conditions": {map[string]any{}, false},
	} {
		if got := isEstablished(&unstructured.Unstructured{Object: test.object}); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTrusted(t *testing.T) {
	webhook := func(authority string) admissionv1.MutatingWebhook {
		return admissionv1.MutatingWebhook{ClientConfig: admissionv1.WebhookClientConfig{CABundle: []byte(authority)}}
	}
	for name, test := range map[string]struct {
		webhooks []admissionv1.MutatingWebhook
		want     bool
	}{
		"all":  {[]admissionv1.MutatingWebhook{webhook("a"), webhook("a")}, true},
		"some": {[]admissionv1.MutatingWebhook{webhook("a"), webhook("")}, false},
		"none": {nil, false},
	} {
		if got := isTrusted(&admissionv1.MutatingWebhookConfiguration{Webhooks: test.webhooks}); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
