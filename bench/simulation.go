package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// simulation plays an API server, its controllers, its nodes and its network.
// It knows what a run asks of them, and nothing else.
type simulation struct {
	wall string

	mu       sync.Mutex
	made     int
	jobs     map[string]map[string]*batchv1.Job // by namespace and name
	services map[string]map[string]*corev1.Service
	probes   map[string]map[string]*simulatedProbe // by namespace and pod
	byIP     map[string]*simulatedProbe
}

// serveSimulation plays until it is told to end, and prints its address first.
func serveSimulation(ctx context.Context, c benchCase) error {
	klog.SetLogger(logr.Discard()) // it tells of every exec that a client ends
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &simulation{
		wall: c.Wall, jobs: map[string]map[string]*batchv1.Job{}, services: map[string]map[string]*corev1.Service{},
		probes: map[string]map[string]*simulatedProbe{}, byIP: map[string]*simulatedProbe{},
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // it is all over
	fmt.Fprintf(os.Stdout, "http://%s\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *simulation) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", s.access)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews", s.rules)
	mux.HandleFunc("GET /api/v1/nodes", s.nodes)
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/pods", s.pods)
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/events", s.events)
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/resourcequotas", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, &corev1.ResourceQuotaList{TypeMeta: metav1.TypeMeta{Kind: "ResourceQuotaList", APIVersion: "v1"}})
	})
	mux.HandleFunc("/api/v1/namespaces/{ns}/pods/{pod}/exec", s.exec)
	mux.HandleFunc("POST /apis/batch/v1/namespaces/{ns}/jobs", s.createJob)
	mux.HandleFunc("GET /apis/batch/v1/namespaces/{ns}/jobs", s.listJobs)
	mux.HandleFunc("DELETE /apis/batch/v1/namespaces/{ns}/jobs/{name}", s.deleteJob)
	mux.HandleFunc("POST /api/v1/namespaces/{ns}/services", s.createService)
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/services", s.listServices)
	mux.HandleFunc("DELETE /api/v1/namespaces/{ns}/services/{name}", s.deleteService)
	mux.HandleFunc("GET /api", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}})
	})
	mux.HandleFunc("GET /apis", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}})
	})
	return mux
}

func answer(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) // a client that left wants nothing
}

func (s *simulation) access(w http.ResponseWriter, r *http.Request) {
	var review authorizationv1.SelfSubjectAccessReview
	if !read(w, r, &review) {
		return
	}
	review.Status.Allowed = true
	answer(w, &review)
}

func (s *simulation) rules(w http.ResponseWriter, r *http.Request) {
	var review authorizationv1.SelfSubjectRulesReview
	if !read(w, r, &review) {
		return
	}
	all := []string{"*"}
	review.Status.ResourceRules = []authorizationv1.ResourceRule{{Verbs: all, APIGroups: all, Resources: all}}
	answer(w, &review)
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// simulatedNodes are two, by the slots' preference.
var simulatedNodes = map[string]string{"target-0": "a", "target-1": "b", "source": "a"}

func (s *simulation) nodes(w http.ResponseWriter, _ *http.Request) {
	list := corev1.NodeList{TypeMeta: metav1.TypeMeta{Kind: "NodeList", APIVersion: "v1"}}
	for _, name := range []string{"a", "b"} {
		node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		list.Items = append(list.Items, node)
	}
	answer(w, &list)
}

func (s *simulation) createJob(w http.ResponseWriter, r *http.Request) {
	var job batchv1.Job
	if !read(w, r, &job) {
		return
	}
	s.mu.Lock()
	s.made++
	job.UID = types.UID(fmt.Sprint("job-", s.made))
	p := newSimulatedProbe(s, &job, s.made)
	ns := r.PathValue("ns")
	put(s.jobs, ns, job.Name, &job)
	put(s.probes, ns, p.object.Name, p)
	s.byIP[p.object.Status.PodIP] = p
	s.mu.Unlock()
	answer(w, &job)
}

func put[T any](all map[string]map[string]T, ns, name string, one T) {
	if all[ns] == nil {
		all[ns] = map[string]T{}
	}
	all[ns][name] = one
}

func (s *simulation) createService(w http.ResponseWriter, r *http.Request) {
	var service corev1.Service
	if !read(w, r, &service) {
		return
	}
	s.mu.Lock()
	s.made++
	if service.Spec.ClusterIP == "" {
		service.Spec.ClusterIP = address(11, s.made)
		if p := s.probes[service.Namespace][service.Name+"-x"]; p != nil {
			s.byIP[service.Spec.ClusterIP] = p
		}
	}
	put(s.services, r.PathValue("ns"), service.Name, &service)
	s.mu.Unlock()
	answer(w, &service)
}

func address(first, n int) string { return fmt.Sprintf("%d.%d.%d.%d", first, n>>16, n>>8&255, n&255) }

func (s *simulation) listJobs(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := batchv1.JobList{TypeMeta: metav1.TypeMeta{Kind: "JobList", APIVersion: "batch/v1"}}
	for _, job := range s.jobs[r.PathValue("ns")] {
		list.Items = append(list.Items, *job)
	}
	answer(w, &list)
}

func (s *simulation) listServices(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := corev1.ServiceList{TypeMeta: metav1.TypeMeta{Kind: "ServiceList", APIVersion: "v1"}}
	for _, service := range s.services[r.PathValue("ns")] {
		list.Items = append(list.Items, *service)
	}
	answer(w, &list)
}

func (s *simulation) deleteJob(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.jobs[r.PathValue("ns")], r.PathValue("name"))
	delete(s.probes[r.PathValue("ns")], r.PathValue("name")+"-x")
	answer(w, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
}

func (s *simulation) deleteService(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.services[r.PathValue("ns")], r.PathValue("name"))
	answer(w, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
}

// pods lists and watches the pods of a namespace, which are ready as soon as
// they are made and never change.
func (s *simulation) pods(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
	for _, p := range s.probes[r.PathValue("ns")] {
		list.Items = append(list.Items, p.object)
	}
	s.mu.Unlock()
	if r.URL.Query().Get("watch") == "" {
		answer(w, &list)
		return
	}
	var objects []any
	for i := range list.Items {
		objects = append(objects, &list.Items[i])
	}
	watch(w, r, objects, &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}, ObjectMeta: endOfList()})
}

func (s *simulation) events(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") == "" {
		answer(w, &corev1.EventList{TypeMeta: metav1.TypeMeta{Kind: "EventList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"}})
		return
	}
	watch(w, r, nil, &corev1.Event{TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: "v1"}, ObjectMeta: endOfList()})
}

// endOfList marks the bookmark behind what a watch begins with.
func endOfList() metav1.ObjectMeta {
	return metav1.ObjectMeta{ResourceVersion: "1", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}
}

// watch sends what there is, where it is asked for, and then nothing.
func watch(w http.ResponseWriter, r *http.Request, objects []any, bookmark any) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for _, o := range objects {
			send(w, "ADDED", o)
		}
		send(w, "BOOKMARK", bookmark)
	}
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	<-r.Context().Done()
}

func send(w http.ResponseWriter, kind string, object any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"type": kind, "object": object}) // a client that left wants nothing
}

// controlled is what makes a pod a Job's own.
func controlled(job *batchv1.Job) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: &yes}}
}

func isName(host string) bool { return strings.HasSuffix(host, ".svc") }
