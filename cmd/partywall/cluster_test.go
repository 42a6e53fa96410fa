package main

import (
	"cmp"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// fakeCluster answers as an API server does, from a fixed list of objects. It
// creates nothing: reviews are all that may be posted to it.
type fakeCluster struct {
	objects []*unstructured.Unstructured
	denied  []string // rights, as `VERB RESOURCE`; * is all of them

	mu   sync.Mutex
	seen []string // requests, as `METHOD PATH`
	bad  []string // those that nobody should have made
}

type fakeClusterKey struct{}

// prepareCluster gives a script its cluster, which fails it in the end where
// it was asked for what it must not be.
func prepareCluster(env *testscript.Env) {
	c := &fakeCluster{}
	env.Values[fakeClusterKey{}] = c
	env.Defer(func() {
		if len(c.bad) > 0 {
			env.T().Fatal("the cluster must not be asked for this: " + strings.Join(c.bad, ", "))
		}
	})
}

// startCluster is the script command `cluster [-deny RIGHT]... [FILE]...`: it
// starts an API server that has the objects of these YAML files, and makes the
// kubeconfig for it the current one.
func startCluster(ts *testscript.TestScript, neg bool, args []string) {
	c := ts.Value(fakeClusterKey{}).(*fakeCluster)
	c.objects, c.denied = nil, nil
	for len(args) > 1 && args[0] == "-deny" {
		c.denied = append(c.denied, args[1])
		args = args[2:]
	}
	if neg {
		ts.Fatalf("usage: cluster [-deny RIGHT]... [FILE]...")
	}
	for _, file := range args {
		ts.Check(c.load(ts.ReadFile(file)))
	}
	server := httptest.NewTLSServer(c)
	ts.Defer(server.Close)
	path := ts.MkAbs("kubeconfig")
	ts.Check(clientcmd.WriteToFile(kubeconfig(server), path))
	ts.Setenv("KUBECONFIG", path)
}

// requests is the script command `requests REGEXP`: such a request was made,
// or with ! none.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] requests REGEXP")
	}
	c := ts.Value(fakeClusterKey{}).(*fakeCluster)
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(c.seen, regexp.MustCompile(args[0]).MatchString) == neg {
		ts.Fatalf("requests were:\n%s", strings.Join(c.seen, "\n"))
	}
}

func kubeconfig(server *httptest.Server) clientcmdapi.Config {
	k := clientcmdapi.NewConfig()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	k.Clusters["fake"] = &clientcmdapi.Cluster{Server: server.URL, CertificateAuthorityData: ca}
	k.AuthInfos["runner"] = &clientcmdapi.AuthInfo{Token: "secret-token"}
	k.Contexts["staging"] = &clientcmdapi.Context{Cluster: "fake", AuthInfo: "runner"}
	k.CurrentContext = "staging"
	return *k
}

// load adds the objects of a file of YAML documents.
func (c *fakeCluster) load(text string) error {
	for _, doc := range strings.Split(text, "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			return err
		}
		c.objects = append(c.objects, o)
	}
	return nil
}

// kinds are the resources that the cluster has.
var kinds = map[string]string{
	"namespaces": "Namespace", "nodes": "Node", "pods": "Pod", "services": "Service", "jobs": "Job", "cronjobs": "CronJob",
	"networkpolicies": "NetworkPolicy", "deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet",
	"replicasets": "ReplicaSet", "replicationcontrollers": "ReplicationController",
	"poddisruptionbudgets": "PodDisruptionBudget", "horizontalpodautoscalers": "HorizontalPodAutoscaler",
}

// groups are the versions of resources that are not of v1.
var groups = map[string]string{
	"jobs": "batch/v1", "cronjobs": "batch/v1", "networkpolicies": "networking.k8s.io/v1", "deployments": "apps/v1", "statefulsets": "apps/v1",
	"daemonsets": "apps/v1", "replicasets": "apps/v1", "poddisruptionbudgets": "policy/v1", "horizontalpodautoscalers": "autoscaling/v2",
}

// route is where a resource is found, in all namespaces or in one.
var route = regexp.MustCompile(`^/(?:api/v1|apis/(?:batch/v1|networking.k8s.io/v1|apps/v1|policy/v1|autoscaling/v2))` +
	`(?:/namespaces/([^/]+))?/(` + strings.Join(slices.Collect(maps.Keys(kinds)), "|") + `)(?:/([^/]+))?$`)

func (c *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, r.Method+" "+r.URL.Path)
	switch parts := route.FindStringSubmatch(r.URL.Path); {
	case r.URL.Path == "/api":
		reply(w, 200, object("v1", "APIVersions", "versions", []any{"v1"}))
	case r.URL.Path == "/apis":
		reply(w, 200, object("v1", "APIGroupList", "groups", []any{map[string]any{"name": "cilium.io"}}))
	case r.URL.Path == "/version":
		reply(w, 200, map[string]string{"major": "1", "minor": "37", "gitVersion": "v1.37.0-fake"})
	case r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
		reply(w, 201, object("authentication.k8s.io/v1", "SelfSubjectReview", "status", map[string]any{"userInfo": map[string]any{"username": "runner"}}))
	case r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
		c.review(w, r)
	case r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/selfsubjectrulesreviews"):
		reply(w, 201, object("authorization.k8s.io/v1", "SelfSubjectRulesReview", "status", map[string]any{"incomplete": true}))
	case r.URL.Path == "/apis/autoscaling.k8s.io/v1":
		status(w, 404, "NotFound", "the server could not find the requested resource")
	case parts == nil:
		c.refuse(w, r)
	case r.Method == "GET" && r.URL.Query().Get("watch") != "":
		watch(w, kinds[parts[2]])
	case r.Method == "GET" && parts[3] == "":
		c.list(w, r, parts[1], parts[2])
	case r.Method == "GET":
		c.get(w, parts[1], parts[2], parts[3])
	case r.Method == "DELETE" && parts[3] != "":
		c.remove(w, parts[1], parts[2], parts[3])
	default:
		c.refuse(w, r)
	}
}

// refuse answers what no script should lead to.
func (c *fakeCluster) refuse(w http.ResponseWriter, r *http.Request) {
	c.bad = append(c.bad, r.Method+" "+r.URL.String())
	status(w, 405, "MethodNotAllowed", "the fake cluster does not do this")
}

func (c *fakeCluster) may(right string) bool {
	return !slices.Contains(c.denied, "*") && !slices.Contains(c.denied, right)
}

// review answers whether the runner may do something.
func (c *fakeCluster) review(w http.ResponseWriter, r *http.Request) {
	var asked authorizationv1.SelfSubjectAccessReview
	body, err := io.ReadAll(r.Body)
	if err == nil {
		_, _, err = scheme.Codecs.UniversalDeserializer().Decode(body, nil, &asked) // clients send protobuf
	}
	if err != nil {
		status(w, 400, "BadRequest", err.Error())
		return
	}
	a := asked.Spec.ResourceAttributes
	asked.Status.Allowed = c.may(a.Verb + " " + a.Resource)
	asked.APIVersion, asked.Kind = "authorization.k8s.io/v1", "SelfSubjectAccessReview"
	reply(w, 201, asked)
}

// list answers with the objects of one resource. It knows of label selectors
// only those that ask for equality or existence.
func (c *fakeCluster) list(w http.ResponseWriter, r *http.Request, namespace, resource string) {
	if !c.may("list " + resource) {
		status(w, 403, "Forbidden", fmt.Sprintf("%s is forbidden: User \"runner\" cannot list resource \"%s\"", resource, resource))
		return
	}
	items := []any{}
	for _, o := range c.objects {
		if o.GetKind() == kinds[resource] && (namespace == "" || o.GetNamespace() == namespace) && selected(o, r.URL.Query().Get("labelSelector")) {
			items = append(items, o.Object)
		}
	}
	reply(w, 200, object(cmp.Or(groups[resource], "v1"), kinds[resource]+"List", "items", items))
}

// is tells whether an object is the one of a path.
func is(o *unstructured.Unstructured, namespace, resource, name string) bool {
	return o.GetKind() == kinds[resource] && o.GetNamespace() == namespace && o.GetName() == name
}

func (c *fakeCluster) get(w http.ResponseWriter, namespace, resource, name string) {
	for _, o := range c.objects {
		if is(o, namespace, resource, name) {
			reply(w, 200, o.Object)
			return
		}
	}
	status(w, 404, "NotFound", fmt.Sprintf("%s %q not found", resource, name))
}

func selected(o *unstructured.Unstructured, selector string) bool {
	for _, want := range strings.Split(selector, ",") {
		key, value, equal := strings.Cut(want, "=")
		got, has := o.GetLabels()[key]
		if key != "" && (!has || equal && got != value) {
			return false
		}
	}
	return true
}

func (c *fakeCluster) remove(w http.ResponseWriter, namespace, resource, name string) {
	c.objects = slices.DeleteFunc(c.objects, func(o *unstructured.Unstructured) bool {
		return is(o, namespace, resource, name)
	})
	status(w, 200, "", "")
}

// watch tells at once that there is nothing, and nothing after that.
func watch(w http.ResponseWriter, kind string) {
	bookmark := object("v1", kind, "metadata", map[string]any{
		"resourceVersion": "1", "annotations": map[string]any{"k8s.io/initial-events-end": "true"},
	})
	reply(w, 200, map[string]any{"type": "BOOKMARK", "object": bookmark})
}

func object(apiVersion, kind, field string, value any) map[string]any {
	return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"resourceVersion": "1"}, field: value}
}

func status(w http.ResponseWriter, code int, reason, message string) {
	s := object("v1", "Status", "reason", reason)
	s["status"], s["message"], s["code"] = "Failure", message, code
	if code < 400 {
		s["status"] = "Success"
	}
	reply(w, code, s)
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
