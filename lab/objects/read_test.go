package objects

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/e2e-framework/klient/k8s"
)

const baseline = "../../examples/tenant-baseline"

// TestTenantBaseline reads the example that users are shipped: what names the
// tenant must name this one.
func TestTenantBaseline(t *testing.T) {
	for _, tenant := range []string{"acme", "globex"} {
		objects, err := Read(t.Context(), baseline+"/"+tenant)
		if err != nil {
			t.Fatal(err)
		}
		if namespace, ok := objects[0].(*corev1.Namespace); !ok || namespace.Name != tenant || namespace.Labels["tenant"] != tenant {
			t.Errorf("%s: the first is %+v, want its namespace", tenant, objects[0])
		}
		seen := map[string]bool{}
		for _, object := range objects[1:] {
			if object.GetNamespace() != tenant {
				t.Errorf("%s: %T %s is in namespace %q", tenant, object, object.GetName(), object.GetNamespace())
			}
			seen[nameOf(object)] = true
			assertNames(t, object, tenant)
		}
		for _, want := range []string{
			"AuthorizationPolicy own-namespace", "AuthorizationPolicy into-the-gateway", "AuthorizationPolicy from-the-shared-gateway",
			"Sidecar default", "NetworkPolicy own-namespace", "NetworkPolicy dns-and-istiod", "Deployment ingressgateway", "RoleBinding ingressgateway",
		} {
			if !seen[want] {
				t.Errorf("%s has no %s among %v", tenant, want, seen)
			}
		}
	}
}

func nameOf(object k8s.Object) string {
	return object.GetObjectKind().GroupVersionKind().Kind + " " + object.GetName()
}

func assertNames(t *testing.T, object k8s.Object, tenant string) {
	t.Helper()
	switch o := object.(type) {
	case *rbacv1.RoleBinding:
		if o.Subjects[0].Namespace != tenant {
			t.Errorf("%s: the gateway's rights are those of an account of namespace %q", tenant, o.Subjects[0].Namespace)
		}
	case *networkingv1.NetworkPolicy:
		if len(o.Spec.PolicyTypes) == 0 {
			t.Errorf("%s: NetworkPolicy %s leaves open what it is for", tenant, o.Name)
		}
	case *unstructured.Unstructured:
		if nameOf(o) != "AuthorizationPolicy own-namespace" {
			return
		}
		rules, _, err := unstructured.NestedSlice(o.Object, "spec", "rules")
		if err != nil || len(rules) != 1 {
			t.Fatalf("rules of own-namespace: %v, %v", rules, err)
		}
		from, _, _ := unstructured.NestedSlice(rules[0].(map[string]any), "from")
		allowed, _, _ := unstructured.NestedStringSlice(from[0].(map[string]any), "source", "namespaces")
		if len(from) != 1 || len(allowed) != 1 || allowed[0] != tenant {
			t.Errorf("%s: own-namespace allows %v", tenant, allowed)
		}
	}
}

func TestPlatformBaseline(t *testing.T) {
	for folder, namespace := range map[string]string{"platform": "istio-system", "shared-gateway": "istio-ingress"} {
		objects, err := Read(t.Context(), baseline+"/"+folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range objects {
			if _, ok := object.(*corev1.Namespace); !ok && object.GetNamespace() != namespace {
				t.Errorf("%s: %s is in namespace %q", folder, nameOf(object), object.GetNamespace())
			}
		}
	}
}

// TestMeshDemo reads the demo's tenants: each is in its own namespace.
func TestMeshDemo(t *testing.T) {
	objects, err := Read(t.Context(), "../../manifests/demo/mesh")
	if err != nil {
		t.Fatal(err)
	}
	shops := map[string]bool{}
	for _, object := range objects {
		if nameOf(object) == "Deployment shop" {
			shops[object.GetNamespace()] = true
		}
	}
	if !shops["acme"] || !shops["globex"] || !shops["initech"] || len(shops) != 3 {
		t.Errorf("the tenants with a shop are %v", shops)
	}
}

func TestReadWhatIsNotThere(t *testing.T) {
	for _, path := range []string{"missing.yaml", t.TempDir()} {
		if objects, err := Read(t.Context(), path); err == nil {
			t.Errorf("%s: %v", path, objects)
		}
	}
}
