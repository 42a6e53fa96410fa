package tenancy

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func policyOn(ns string, ports ...networkingv1.NetworkPolicyPort) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: ns}, Spec: networkingv1.NetworkPolicySpec{
		Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: ports}},
	}}
}

func policyPort(protocol corev1.Protocol, port intstr.IntOrString, end int32) networkingv1.NetworkPolicyPort {
	p := networkingv1.NetworkPolicyPort{Port: &port}
	if protocol != "" {
		p.Protocol = &protocol
	}
	if end > 0 {
		p.EndPort = &end
	}
	return p
}

func podOn(ns, name string, ports ...corev1.ContainerPort) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: ports}}}}
}

func serviceOn(ns string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: ns}, Spec: corev1.ServiceSpec{Ports: ports}}
}

func TestObserve(t *testing.T) {
	ours := podOn("web", "ours", corev1.ContainerPort{ContainerPort: 9007})
	ours.Labels = map[string]string{"app.kubernetes.io/managed-by": "partywall"}
	host := podOn("web", "host", corev1.ContainerPort{ContainerPort: 22})
	host.Spec.HostNetwork = true
	client := fake.NewClientset(
		policyOn("web",
			policyPort("", intstr.FromInt32(5432), 0), policyPort(corev1.ProtocolUDP, intstr.FromInt32(9000), 9010),
			policyPort("", intstr.FromString("metrics"), 0), policyPort("", intstr.FromString("nowhere"), 0),
			policyPort(corev1.ProtocolSCTP, intstr.FromInt32(7), 0), networkingv1.NetworkPolicyPort{}),
		serviceOn("web", corev1.ServicePort{Port: 80, TargetPort: intstr.FromInt32(8000)}, corev1.ServicePort{Port: 53, Protocol: corev1.ProtocolUDP},
			corev1.ServicePort{Port: 81, TargetPort: intstr.FromString("web")}),
		podOn("web", "a", corev1.ContainerPort{ContainerPort: 9090, Name: "metrics"}, corev1.ContainerPort{ContainerPort: 5432, Name: "pg"}),
		podOn("db", "b", corev1.ContainerPort{ContainerPort: 3000, Name: "web"}, corev1.ContainerPort{ContainerPort: 3001, Name: "metrics"}),
		ours, host, podOn("elsewhere", "c", corev1.ContainerPort{ContainerPort: 1}),
	)
	x := &Tenancy{Tenants: []Tenant{{Name: "acme", Namespaces: []string{"db", "web"}}, {Name: "bare", Namespaces: []string{"bare"}}}}
	Observe(t.Context(), client, x, Observing{Ports: DefaultPorts})
	tcp := func(n int) Port { return Port{"tcp", n} }
	udp := func(n int) Port { return Port{"udp", n} }
	acme := x.Tenants[0]
	assert.Equal(t, []Port{
		tcp(5432), udp(9000), udp(9010), tcp(9090), tcp(20200), tcp(8000), udp(53), tcp(3000), tcp(3001),
	}, acme.Ports, "policies' first")
	assert.Equal(t, map[string]PortNames{
		"web": {tcp(5432): "pg", tcp(9090): "metrics", tcp(20200): "nowhere"},
		"db":  {tcp(3000): "web", tcp(3001): "metrics"},
	}, acme.PortNames, "each namespace's pods have names of their own")
	assert.Equal(t, "metrics", acme.PortName("db", "", tcp(3001)))
	assert.Empty(t, acme.PortName("web", "", tcp(3001)))
	assert.Empty(t, x.Tenants[1].Ports)
	assert.Equal(t, []string{"policies of namespace web name the port nowhere, which no pod has there now: tcp/20200 stands in for it"}, x.Notes)
}

// A name that stands for two numbers is the first one's on a probe, which is
// said; a container that starts before the others may have the name too.
func TestANameOfSeveralPorts(t *testing.T) {
	proxied := podOn("a", "c")
	proxied.Spec.InitContainers = []corev1.Container{{Ports: []corev1.ContainerPort{{ContainerPort: 7000, Name: "side"}}}}
	client := fake.NewClientset(
		policyOn("a", policyPort("", intstr.FromString("web"), 0), policyPort("", intstr.FromString("side"), 0)),
		policyOn("b", policyPort("", intstr.FromString("late"), 0), policyPort(corev1.ProtocolUDP, intstr.FromString("late"), 0), policyPort("", intstr.FromString("late"), 0)),
		podOn("a", "a", corev1.ContainerPort{ContainerPort: 8080, Name: "web"}), podOn("a", "b", corev1.ContainerPort{ContainerPort: 9090, Name: "web"}), proxied,
	)
	x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"a", "b"}}}}
	Observe(t.Context(), client, x, Observing{Ports: DefaultPorts})
	assert.Equal(t, []Port{{"tcp", 8080}, {"tcp", 9090}, {"tcp", 7000}, {"tcp", 20200}, {"udp", 20200}}, x.Tenants[0].Ports)
	assert.Equal(t, map[string]PortNames{
		"a": {{"tcp", 8080}: "web", {"tcp", 7000}: "side"}, "b": {{"tcp", 20200}: "late"},
	}, x.Tenants[0].PortNames)
	assert.Equal(t, []string{
		"policies of namespace b name the port late, which no pod has there now: tcp/20200 stands in for it",
		"policies of namespace b name the port late, which no pod has there now: udp/20200 stands in for it",
	}, x.Notes)
	assert.Equal(t, []string{
		"policies of namespace a open the port web to others, by which its probes cannot have tcp/9090 too: by that name it is tried on the shadow of a workload that has it, and not otherwise",
		"policies of namespace b open the port late to others, by which its probes cannot have udp/20200 too: by that name it is tried on the shadow of a workload that has it, and not otherwise",
	}, x.Untried)
}

// A port that stands in for a name is none that something else has, and one of
// SCTP, of which the probes have their own alone, is none.
func TestStandIns(t *testing.T) {
	client := fake.NewClientset(
		policyOn("a", policyPort("", intstr.FromInt32(20201), 0), policyPort(corev1.ProtocolSCTP, intstr.FromString("sig"), 0), policyPort("", intstr.FromString("late"), 0)),
		podOn("a", "a", corev1.ContainerPort{ContainerPort: 20200, Name: "real"}),
	)
	x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"a"}}}}
	Observe(t.Context(), client, x, Observing{Ports: DefaultPorts})
	assert.Equal(t, map[string]PortNames{"a": {{"tcp", 20200}: "real", {"tcp", 20202}: "late"}}, x.Tenants[0].PortNames)
	assert.Equal(t, []string{"policies of namespace a name the port late, which no pod has there now: tcp/20202 stands in for it"}, x.Notes)
}

func TestObservePortsSaysWhatItLeavesOut(t *testing.T) {
	var many []corev1.ContainerPort
	for i := range DefaultPorts + 3 {
		many = append(many, corev1.ContainerPort{ContainerPort: int32(2000 + i)})
	}
	client := fake.NewClientset(podOn("a", "a", many...), policyOn("a", policyPort("", intstr.FromInt32(3000), 0)))
	client.PrependReactor("list", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return a.GetNamespace() == "b", nil, errors.New("no rights")
	})
	x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"a"}}, {Name: "b", Namespaces: []string{"b"}}}}
	Observe(t.Context(), client, x, Observing{Ports: DefaultPorts})
	assert.Len(t, x.Tenants[0].Ports, DefaultPorts+1)
	assert.Equal(t, "tcp/3000", x.Tenants[0].Ports[0].String(), "it is open to all, and none of the twelve")
	assert.Equal(t, []string{"the ports that namespace b uses are not tried: no rights"}, x.Untried)
	assert.Equal(t, []string{
		"3 of the ports that tenant a uses, and that no policy opens to others, are not tried, since there are more than 12 (--max-ports): tcp/2012, tcp/2013, tcp/2014",
	}, x.Notes)
}

func TestPortsThatAreTriedAnyhowTakeNoOthersPlace(t *testing.T) {
	var ports []corev1.ContainerPort
	for _, n := range []int32{1, 2, 3, 4} {
		ports = append(ports, corev1.ContainerPort{ContainerPort: n})
	}
	x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"a"}}}}
	anyhow := func(of *Tenancy, tenant Tenant) []Port {
		assert.Same(t, x, of)
		assert.Equal(t, "a", tenant.Name)
		return []Port{{"tcp", 2}, {"tcp", 3}, {"udp", 4}}
	}
	Observe(t.Context(), fake.NewClientset(podOn("a", "a", ports...)), x, Observing{Ports: 1, Tried: anyhow})
	assert.Equal(t, []Port{{"tcp", 1}, {"tcp", 2}, {"tcp", 3}}, x.Tenants[0].Ports)
	assert.Equal(t, []string{"1 of the ports that tenant a uses, and that no policy opens to others, are not tried, since there are more than 1 (--max-ports): tcp/4"}, x.Notes)
	assert.Empty(t, x.Untried)
}

// What is open to others is tried before what is not, however many ports there
// are, and wherever they were seen first.
// What the source's policies leave open is a way to whoever has none of its own.
func TestPortsThatAPolicyOfTheSourceOpens(t *testing.T) {
	out := func(name string, to []networkingv1.NetworkPolicyPeer, ports ...networkingv1.NetworkPolicyPort) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name},
			Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{To: to, Ports: ports}}}}
	}
	space := func(name, tenant string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"tenant": tenant}}}
	}
	to := func(tenant string) []networkingv1.NetworkPolicyPeer {
		return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tenant": tenant}}}}
	}
	x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"a"}}, {Name: "b", Namespaces: []string{"b"}}}}
	Observe(t.Context(), fake.NewClientset(space("a", "a"), space("b", "b"), podOn("b", "pg", corev1.ContainerPort{ContainerPort: 5433, Name: "db"}),
		out("any", nil, policyPort("", intstr.FromInt32(5432), 0), policyPort("", intstr.FromString("db"), 0), policyPort(corev1.ProtocolUDP, intstr.FromInt32(9000), 9010), networkingv1.NetworkPolicyPort{}),
		out("own", to("a"), policyPort("", intstr.FromInt32(1111), 0)), out("named", to("b"), policyPort("", intstr.FromInt32(2222), 0)), out("elsewhere", to("kube-system"), policyPort("", intstr.FromInt32(53), 0)),
	), x, Observing{})
	assert.Empty(t, x.Tenants[0].Ports, "they are ports of others")
	assert.ElementsMatch(t, []Port{{"tcp", 5432}, {"tcp", 5433}, {"udp", 9000}, {"udp", 9010}, {"tcp", 2222}}, x.Tenants[1].Ports, "also those that --max-ports=0 would leave out")
	assert.Empty(t, x.Untried)
	assert.Empty(t, x.Notes)
}

// A rule for the tenant's own namespaces opens nothing, however it is written;
// what does has the names of ports first, whatever the policies are called.
func TestWhatIsOpenHasTheNames(t *testing.T) {
	space := func(name, tenant string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"tenant": tenant}}}
	}
	policy := func(name string, selector metav1.LabelSelector, port intstr.IntOrString) *networkingv1.NetworkPolicy {
		p := policyOn("a", policyPort("", port, 0))
		p.Name = name
		p.Spec.Ingress[0].From = []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &selector}}
		return p
	}
	own := metav1.LabelSelector{MatchLabels: map[string]string{"tenant": "a"}}
	for name, spaces := range map[string][]runtime.Object{"read": {space("a", "a"), space("b", "b")}, "not read": nil} {
		x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"a"}}, {Name: "b", Namespaces: []string{"b"}}}}
		Observe(t.Context(), fake.NewClientset(append(spaces,
			podOn("a", "one", corev1.ContainerPort{ContainerPort: 8081, Name: "http"}), podOn("a", "two", corev1.ContainerPort{ContainerPort: 8081, Name: "metrics"}),
			policy("a-own", own, intstr.FromString("http")), policy("b-own", own, intstr.FromInt32(7000)), policy("z-open", metav1.LabelSelector{}, intstr.FromString("metrics")))...,
		), x, Observing{})
		if name == "not read" {
			assert.ElementsMatch(t, []Port{{"tcp", 8081}, {"tcp", 7000}}, x.Tenants[0].Ports, "what is not known may be open")
			require.Len(t, x.Untried, 1)
			continue
		}
		assert.Equal(t, []Port{{"tcp", 8081}}, x.Tenants[0].Ports)
		assert.Equal(t, PortNames{{"tcp", 8081}: "metrics"}, x.Tenants[0].PortNames["a"])
		assert.Empty(t, x.Untried)
		assert.Len(t, x.Notes, 2, "the closed name, and the port beyond --max-ports")
	}
}

func TestPortsThatAreOpenToOthersComeFirst(t *testing.T) {
	policy := func(name string, from []networkingv1.NetworkPolicyPeer, numbers ...int) *networkingv1.NetworkPolicy {
		p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}}
		rule := networkingv1.NetworkPolicyIngressRule{From: from}
		for _, n := range numbers {
			port := intstr.FromInt32(int32(n))
			rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Port: &port})
		}
		p.Spec.Ingress = append(p.Spec.Ingress, rule)
		return p
	}
	var many []int
	for i := range DefaultPorts {
		many = append(many, 2000+i)
	}
	own := []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}
	x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"a"}}, {Name: "z", Namespaces: []string{"z"}}}}
	Observe(t.Context(), fake.NewClientset(
		policy("a-own", own, append(many, 7000)...),
		policy("b-all", nil, 5432),
		policy("c-block", []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}}}, 7000),
		policy("d-spaces", []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}, 6000),
	), x, Observing{Ports: DefaultPorts})
	var first []int
	for _, p := range x.Tenants[0].Ports[:3] {
		first = append(first, p.Number)
	}
	assert.Equal(t, []int{5432, 7000, 6000}, first)
	assert.Len(t, x.Tenants[0].Ports, 3+DefaultPorts)
}

func TestObserveHTTP(t *testing.T) {
	app := func(s string) *string { return &s }
	client := fake.NewClientset(serviceOn("web",
		corev1.ServicePort{Port: 80}, corev1.ServicePort{Port: 81, Name: "http-admin"}, corev1.ServicePort{Port: 82, AppProtocol: app("http")},
		corev1.ServicePort{Port: 8080, Name: "grpc"}, corev1.ServicePort{Port: 443, Name: "https"}, corev1.ServicePort{Port: 84, Name: "http2"},
		corev1.ServicePort{Port: 85, Name: "http", AppProtocol: app("kubernetes.io/h2c")}, corev1.ServicePort{Port: 86, Name: "http", Protocol: corev1.ProtocolUDP},
		corev1.ServicePort{Port: 87, Name: "http"},
	))
	var listed []Port
	for _, n := range []int{80, 81, 82, 8080, 443, 84, 85} {
		listed = append(listed, Port{"tcp", n})
	}
	listed = append(listed, Port{"udp", 86})
	ten := &Tenancy{
		Tenants:  []Tenant{{Name: "acme", Namespaces: []string{"web"}}, {Name: "globex", Namespaces: []string{"api"}}},
		Services: []Service{{Namespace: "web", Name: "s", Ports: listed}, {Namespace: "api", Name: "s", Ports: listed}},
	}
	Observe(t.Context(), client, ten, Observing{Ports: DefaultPorts})
	assert.Equal(t, []Port{{"tcp", 80}, {"tcp", 81}, {"tcp", 82}}, ten.Services[0].HTTP, "those that say so and are listed")
	assert.Empty(t, ten.Services[1].HTTP, "a Service that is not there")
}

func TestObserveWaysToAService(t *testing.T) {
	s := serviceOn("db", corev1.ServicePort{Port: 5432, NodePort: 30032}, corev1.ServicePort{Port: 53, Protocol: corev1.ProtocolUDP, NodePort: 30053}, corev1.ServicePort{Port: 81, NodePort: 30081}, corev1.ServicePort{Port: 82})
	s.Spec.ExternalIPs = []string{"192.0.2.2", "192.0.2.1", "192.0.2.2"}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.9", Hostname: "lb.example.com"}, {Hostname: "lb2.example.com"}, {IP: "192.0.2.9"}, {}}
	listed := []Port{{"tcp", 5432}, {"udp", 53}, {"tcp", 82}}
	x := &Tenancy{Tenants: []Tenant{{Name: "acme", Namespaces: []string{"db"}}}, Services: []Service{{Namespace: "db", Name: "s", Ports: listed}, {Namespace: "db", Name: "gone", Ports: listed}}}
	Observe(t.Context(), fake.NewClientset(s), x, Observing{Ports: DefaultPorts})
	assert.Equal(t, Service{
		Namespace: "db", Name: "s", Ports: listed, Observed: true, ExternalIPs: []string{"192.0.2.1", "192.0.2.2"},
		Balancers: []string{"192.0.2.9", "lb2.example.com"}, NodePorts: map[Port]int{{"tcp", 5432}: 30032, {"udp", 53}: 30053},
	}, x.Services[0], "of the ports that are listed, and each address once")
	assert.False(t, x.Services[1].Observed, "a Service that is not there")
}

// A Service may lead elsewhere than to its ports of its pods, or to some of them
// only, which attempts on it cannot see.
func TestObserveWhereAServiceDoesNotLead(t *testing.T) {
	local := corev1.ServiceInternalTrafficPolicyLocal
	real := func(name string, adjust func(*corev1.ServiceSpec)) *corev1.Service {
		s := serviceOn("db", corev1.ServicePort{Port: 80, TargetPort: intstr.FromInt32(8080)}, corev1.ServicePort{Port: 81, TargetPort: intstr.FromInt32(81)}, corev1.ServicePort{Port: 82})
		s.Name = name
		adjust(&s.Spec)
		return s
	}
	client := fake.NewClientset(
		real("plain", func(*corev1.ServiceSpec) {}),
		real("elsewhere", func(s *corev1.ServiceSpec) {
			s.Type, s.ExternalName = corev1.ServiceTypeExternalName, "db.example.com"
		}),
		real("headless", func(s *corev1.ServiceSpec) { s.ClusterIP = corev1.ClusterIPNone }),
		real("sticky", func(s *corev1.ServiceSpec) { s.SessionAffinity = corev1.ServiceAffinityClientIP }),
		real("local", func(s *corev1.ServiceSpec) { s.InternalTrafficPolicy = &local }),
		real("unlisted", func(s *corev1.ServiceSpec) { s.SessionAffinity = corev1.ServiceAffinityClientIP }),
	)
	x := &Tenancy{Tenants: []Tenant{{Name: "acme", Namespaces: []string{"db"}}}}
	for _, name := range []string{"plain", "elsewhere", "headless", "sticky", "local"} {
		x.Services = append(x.Services, Service{Namespace: "db", Name: name, Ports: []Port{{"tcp", 80}, {"tcp", 81}, {"tcp", 82}}})
	}
	Observe(t.Context(), client, x, Observing{Ports: DefaultPorts})
	noWay := map[string]map[Port]string{}
	for _, s := range x.Services {
		noWay[s.Name] = s.NoWay
	}
	elsewhere := "it is another name for db.example.com (type ExternalName), and leads to no pod of its namespace"
	assert.Equal(t, map[string]map[Port]string{
		"plain": nil, "sticky": nil, "local": nil,
		"elsewhere": {{"tcp", 80}: elsewhere, {"tcp", 81}: elsewhere, {"tcp", 82}: elsewhere},
		"headless":  {{"tcp", 80}: "it is headless: its name leads to the pods themselves, whose port is 8080"},
	}, noWay)
	assert.Equal(t, []string{
		"attempts on Service db/sticky meet some of its endpoints only: it keeps each client to one (sessionAffinity: ClientIP)",
		"attempts on Service db/local meet some of its endpoints only: it leads from each node to those of that node (internalTrafficPolicy: Local)",
	}, x.Notes)
}
