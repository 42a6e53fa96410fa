package tenancy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// DefaultPorts is how many of the ports that are observed of one tenant are
// tried where nobody says otherwise: each of them is tried from every other
// tenant.
const DefaultPorts = 12

// Observing says what of it is tried.
type Observing struct {
	// Ports is how many ports of one tenant, beside those that a policy opens
	// between tenants, of which all are.
	Ports int
	// Tried are the ports of a tenant that are tried anyhow; nil: none.
	Tried func(*Tenancy, Tenant) []Port
}

// Observe finds the ports that a tenant's NetworkPolicies, Services and
// pods name, so that targets can listen on them too: a policy that opens 5432
// to everybody shows only there, be it one at the target's or one of the
// source's own for what leaves. All that a policy opens between tenants are
// taken; of the rest policies' come first, and what there are too many of is
// noted. What is open and cannot be tried, and what could not be looked at, goes
// to the tenancy's Untried.
//
// The same pods tell whether the cluster is dual stack, and whether the proxies
// of a mesh stand beside them.
func Observe(ctx context.Context, client kubernetes.Interface, t *Tenancy, what Observing) {
	families := &families{}
	defer families.settle(ctx, client, t)
	spaces := labelsOf(ctx, client, t)
	all := make([]*observation, len(t.Tenants))
	for i := range t.Tenants {
		o := &observation{tenant: t.Tenants[i].Name, names: map[string]PortNames{}, containers: map[string][]corev1.ContainerPort{}, families: families, labels: spaces}
		for _, ns := range t.Tenants[i].Namespaces {
			if err := o.look(ctx, client, ns); err != nil {
				t.Untried = append(t.Untried, fmt.Sprintf("the ports that namespace %s uses are not tried: %v", ns, err))
			}
		}
		for j := range t.Services {
			o.observeService(&t.Services[j])
		}
		all[i] = o
	}
	for i, o := range all {
		o.openedBy(all)
		ports, left := o.choose(t, i, what)
		if len(left) > 0 {
			o.note("%d of the ports that tenant %s uses, and that no policy opens to others, are not tried, since there are more than %d (--max-ports): %s",
				len(left), o.tenant, what.Ports, portList(left))
		}
		t.Tenants[i].Ports, t.Tenants[i].PortNames, t.Tenants[i].Meshed = ports, o.names, o.meshed
		t.Notes, t.Untried = append(t.Notes, o.notes...), append(t.Untried, o.untried...)
	}
}

// namespaceLabels are those of the tenants' namespaces, as far as they may be
// read, and whose each is.
type namespaceLabels map[string]struct {
	tenant string
	labels labels.Set
	known  bool
}

func labelsOf(ctx context.Context, client kubernetes.Interface, t *Tenancy) namespaceLabels {
	all := namespaceLabels{}
	for _, tenant := range t.Tenants {
		for _, ns := range tenant.Namespaces {
			one := all[ns]
			one.tenant = tenant.Name
			if got, err := client.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{}); err == nil {
				one.labels, one.known = got.Labels, true
			}
			all[ns] = one
		}
	}
	return all
}

// forOthers says that a rule's peers may be other tenants than this one. What is
// not known may be so.
func (o *observation) forOthers(peers []networkingv1.NetworkPolicyPeer) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		if p.IPBlock != nil || p.NamespaceSelector == nil {
			return p.IPBlock != nil
		}
		selector, err := metav1.LabelSelectorAsSelector(p.NamespaceSelector)
		if err != nil {
			return true
		}
		for _, ns := range o.labels {
			if ns.tenant != o.tenant && (!ns.known || selector.Matches(ns.labels)) {
				return true
			}
		}
		return false
	})
}

// openedBy takes in the ports that other tenants' policies let them use of
// everybody, or of this tenant: where those are its only walls, nothing else
// shows what they leave open.
func (o *observation) openedBy(all []*observation) {
	for _, other := range all {
		if other == o {
			continue
		}
		for _, p := range other.out {
			protocol := protocolOf(p)
			for _, ns := range slices.Sorted(maps.Keys(o.containers)) {
				for _, number := range numbersOf(*p.Port, protocol, o.containers[ns]) {
					o.add(&o.open, ns, Port{protocolWord(protocol), number}, nameOf(*p.Port))
				}
				if p.EndPort != nil {
					o.add(&o.open, ns, Port{protocolWord(protocol), int(*p.EndPort)}, "")
				}
			}
		}
	}
}

// choose parts what is tried of the observed ports of a tenant from what is left
// out. What is tried anyhow takes no other's place.
func (o *observation) choose(t *Tenancy, i int, what Observing) (ports, left []Port) {
	var tried []Port
	if what.Tried != nil {
		tried = what.Tried(t, t.Tenants[i])
	}
	ports = slices.Clone(o.open)
	more := 0
	for _, p := range slices.Concat(o.policies, o.services, o.pods) {
		switch {
		case slices.Contains(tried, p):
			ports = append(ports, p)
		case more < what.Ports:
			ports = append(ports, p)
			more++
		default:
			left = append(left, p)
		}
	}
	return ports, left
}

// observeService finds what a Service that the file lists is in the cluster.
func (o *observation) observeService(listed *Service) {
	for i := range o.real {
		if s := &o.real[i]; s.Namespace == listed.Namespace && s.Name == listed.Name {
			listed.Observed = true
			listed.observePorts(s.Spec.Ports)
			listed.observeDoors(s)
			listed.observeNoWay(s)
			if only := oneOfItsEndpoints(s); only != "" {
				o.note("attempts on Service %s/%s meet some of its endpoints only: it %s", s.Namespace, s.Name, only)
			}
		}
	}
}

// observePorts finds which of the listed ports say that they speak HTTP, and
// which have one on the nodes.
func (s *Service) observePorts(ports []corev1.ServicePort) {
	for _, p := range ports {
		port := Port{protocolWord(cmp.Or(p.Protocol, corev1.ProtocolTCP)), int(p.Port)}
		if !slices.Contains(s.Ports, port) {
			continue
		}
		if port.Protocol == "tcp" && saysHTTP(p) {
			s.HTTP = append(s.HTTP, port)
		}
		if p.NodePort != 0 {
			if s.NodePorts == nil {
				s.NodePorts = map[Port]int{}
			}
			s.NodePorts[port] = int(p.NodePort)
		}
	}
}

// observeDoors finds by what addresses a Service is to be reached from outside.
func (s *Service) observeDoors(in *corev1.Service) {
	s.ExternalIPs = slices.Compact(slices.Sorted(slices.Values(in.Spec.ExternalIPs)))
	for _, ingress := range in.Status.LoadBalancer.Ingress {
		if address := cmp.Or(ingress.IP, ingress.Hostname); address != "" && !slices.Contains(s.Balancers, address) {
			s.Balancers = append(s.Balancers, address)
		}
	}
}

// observeNoWay finds which of the listed ports are none by the Service's name: it
// is another name for something else, or the pods' own addresses, where they
// have ports of their own.
func (s *Service) observeNoWay(in *corev1.Service) {
	for _, p := range s.Ports {
		i := slices.IndexFunc(in.Spec.Ports, func(q corev1.ServicePort) bool {
			return p == Port{protocolWord(cmp.Or(q.Protocol, corev1.ProtocolTCP)), int(q.Port)}
		})
		switch {
		case in.Spec.Type == corev1.ServiceTypeExternalName:
			s.noWay(p, fmt.Sprintf("it is another name for %s (type ExternalName), and leads to no pod of its namespace", in.Spec.ExternalName))
		case in.Spec.ClusterIP != corev1.ClusterIPNone || i < 0:
		case in.Spec.Ports[i].TargetPort != intstr.IntOrString{} && in.Spec.Ports[i].TargetPort != intstr.FromInt(p.Number):
			s.noWay(p, fmt.Sprintf("it is headless: its name leads to the pods themselves, whose port is %s", in.Spec.Ports[i].TargetPort.String()))
		}
	}
}

func (s *Service) noWay(p Port, why string) {
	if s.NoWay == nil {
		s.NoWay = map[Port]string{}
	}
	s.NoWay[p] = why
}

// oneOfItsEndpoints says why a Service does not lead each who asks to any of its
// endpoints by chance; empty where it does.
func oneOfItsEndpoints(s *corev1.Service) string {
	switch policy := s.Spec.InternalTrafficPolicy; {
	case s.Spec.SessionAffinity == corev1.ServiceAffinityClientIP:
		return "keeps each client to one (sessionAffinity: ClientIP)"
	case policy != nil && *policy == corev1.ServiceInternalTrafficPolicyLocal:
		return "leads from each node to those of that node (internalTrafficPolicy: Local)"
	}
	return ""
}

// saysHTTP goes by what a port says that it speaks, else by its name as meshes
// read it, and where there is neither by its number.
func saysHTTP(p corev1.ServicePort) bool {
	switch {
	case p.AppProtocol != nil:
		return *p.AppProtocol == "http"
	case p.Name != "":
		return p.Name == "http" || strings.HasPrefix(p.Name, "http-")
	}
	return p.Port == 80 || p.Port == 8080
}

func portList(ports []Port) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}

// observation gathers one tenant's ports, each once, by where it was seen first.
type observation struct {
	tenant                   string
	open                     []Port // of rules that are for others than the namespace's own pods
	policies, services, pods []Port
	names                    map[string]PortNames // by namespace
	stood                    []Port               // that stand in for what no pod has
	notes, untried           []string
	real                     []corev1.Service
	families                 *families
	labels                   namespaceLabels
	containers               map[string][]corev1.ContainerPort // by namespace
	out                      []networkingv1.NetworkPolicyPort  // that the tenant's pods may use of others
	meshed                   []string                          // namespaces
}

func (o *observation) look(ctx context.Context, client kubernetes.Interface, ns string) error {
	policies, err := client.NetworkingV1().NetworkPolicies(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	services, err := client.CoreV1().Services(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	pods, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	o.families.look(pods.Items)
	if meshed(pods.Items, o.labels[ns].labels) {
		o.meshed = append(o.meshed, ns)
	}
	containers := portsOfPods(pods.Items)
	o.names[ns], o.containers[ns] = PortNames{}, containers
	// What is open to others has the names first: of those each port and each name
	// has one.
	for _, open := range []bool{true, false} {
		for i := range policies.Items {
			o.addPolicies(ns, &policies.Items[i], open, containers)
		}
	}
	for i := range services.Items {
		if !partywalls(services.Items[i].Labels) {
			o.addService(ns, services.Items[i].Spec.Ports, containers)
			o.real = append(o.real, services.Items[i])
		}
	}
	for _, c := range containers {
		o.add(&o.pods, ns, Port{protocolWord(c.Protocol), int(c.ContainerPort)}, c.Name)
	}
	return nil
}

// partywalls says of an object's labels that a run of this program made it.
func partywalls(labels map[string]string) bool {
	return labels["app.kubernetes.io/managed-by"] == "partywall" || labels["partywall.dev/role"] == "probe" // as a shadow has it
}

func portsOfPods(pods []corev1.Pod) []corev1.ContainerPort {
	var all []corev1.ContainerPort
	for i := range pods {
		if partywalls(pods[i].Labels) || pods[i].Spec.HostNetwork {
			continue
		}
		for _, p := range ContainerPorts(&pods[i].Spec) {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b corev1.ContainerPort) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// ContainerPorts are the ports that a pod's containers declare, also those that
// start before the others and stay beside them.
func ContainerPorts(spec *corev1.PodSpec) []corev1.ContainerPort {
	var all []corev1.ContainerPort
	for _, c := range slices.Concat(spec.Containers, spec.InitContainers) {
		for _, p := range c.Ports {
			p.Protocol = cmp.Or(p.Protocol, corev1.ProtocolTCP)
			all = append(all, p)
		}
	}
	return all
}

// addPolicies takes in what the rules of a policy name, of those that are open to
// others or of those that are not.
func (o *observation) addPolicies(ns string, policy *networkingv1.NetworkPolicy, open bool, containers []corev1.ContainerPort) {
	to := &o.policies
	if open {
		to = &o.open
	}
	for _, rule := range policy.Spec.Ingress {
		if o.forOthers(rule.From) == open {
			for _, p := range rule.Ports {
				o.addPolicy(to, ns, p, containers)
			}
		}
	}
	for _, rule := range policy.Spec.Egress {
		if open && o.forOthers(rule.To) {
			o.out = append(o.out, slices.DeleteFunc(slices.Clone(rule.Ports), func(p networkingv1.NetworkPolicyPort) bool {
				return p.Port == nil // all of them, of which some are tried anyhow
			})...)
		}
	}
}

// addPolicy takes in what a rule names: a port by number, the ends of a range,
// or what the containers call by its name. A name that no pod has yet, or for now,
// gets a port that stands in for it.
func (o *observation) addPolicy(to *[]Port, ns string, p networkingv1.NetworkPolicyPort, containers []corev1.ContainerPort) {
	protocol := protocolOf(p)
	if p.Port == nil || protocol != corev1.ProtocolTCP && protocol != corev1.ProtocolUDP {
		return // all of them, of which some are tried anyhow; or those of a protocol that has one port, the probes' own
	}
	numbers := numbersOf(*p.Port, protocol, containers)
	if len(numbers) == 0 {
		numbers = []int{o.standIn(ns, protocol, p.Port.StrVal, containers)}
	}
	for _, number := range numbers {
		o.add(to, ns, Port{protocolWord(protocol), number}, nameOf(*p.Port))
	}
	o.noteName(to, ns, nameOf(*p.Port), portsOf(protocol, numbers))
	if p.EndPort != nil {
		o.add(to, ns, Port{protocolWord(protocol), int(*p.EndPort)}, "")
	}
}

// noteName says where a name that policies go by is not on all the ports that it
// stands for: a probe is one pod, in which a name has one port and a port one
// name. Where others may come in by it, something is left out.
func (o *observation) noteName(to *[]Port, ns, name string, ports []Port) {
	var without []Port
	for _, p := range ports {
		if name != "" && o.names[ns][p] != name {
			without = append(without, p)
		}
	}
	if len(without) == 0 {
		return
	}
	said, does := &o.notes, fmt.Sprintf("name the port %s", name)
	if to == &o.open {
		said, does = &o.untried, fmt.Sprintf("open the port %s to others", name)
	}
	sayOnce(said, "policies of namespace %s %s, by which its probes cannot have %s too: "+
		"by that name it is tried on the shadow of a workload that has it, and not otherwise", ns, does, portList(without))
}

// firstStandIn is the number of the first port that stands in for a name.
const firstStandIn = 20200

// standIn is the number of the port that stands in for a name that no pod of a
// namespace has.
func (o *observation) standIn(ns string, protocol corev1.Protocol, name string, containers []corev1.ContainerPort) int {
	port := Port{protocolWord(protocol), firstStandIn}
	for p, other := range o.names[ns] {
		if other == name && p.Protocol == port.Protocol {
			return p.Number
		}
	}
	taken := func(c corev1.ContainerPort) bool { return int(c.ContainerPort) == port.Number }
	for slices.Contains(slices.Concat(o.stood, o.open, o.policies, o.services, o.pods), port) || slices.ContainsFunc(containers, taken) {
		port.Number++
	}
	o.stood = append(o.stood, port)
	o.note("policies of namespace %s name the port %s, which no pod has there now: %s stands in for it", ns, name, port)
	return port.Number
}

func (o *observation) note(format string, args ...any) { sayOnce(&o.notes, format, args...) }

func sayOnce(all *[]string, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(*all, text) {
		*all = append(*all, text)
	}
}

// protocolOf is TCP where a policy names none, as its API says.
func protocolOf(p networkingv1.NetworkPolicyPort) corev1.Protocol {
	if p.Protocol != nil {
		return *p.Protocol
	}
	return corev1.ProtocolTCP
}

func portsOf(protocol corev1.Protocol, numbers []int) []Port {
	ports := make([]Port, len(numbers))
	for i, n := range numbers {
		ports[i] = Port{protocolWord(protocol), n}
	}
	return ports
}

// addService takes in what a Service leads to: the pods' ports, not its own.
func (o *observation) addService(ns string, ports []corev1.ServicePort, containers []corev1.ContainerPort) {
	for _, p := range ports {
		protocol := cmp.Or(p.Protocol, corev1.ProtocolTCP)
		target := p.TargetPort
		if target == (intstr.IntOrString{}) {
			target = intstr.FromInt32(p.Port)
		}
		for _, number := range numbersOf(target, protocol, containers) {
			o.add(&o.services, ns, Port{protocolWord(protocol), number}, nameOf(target))
		}
	}
}

func nameOf(p intstr.IntOrString) string {
	if p.Type == intstr.String {
		return p.StrVal
	}
	return ""
}

// numbersOf finds the numbers of a port that policies and Services may name
// either way.
func numbersOf(p intstr.IntOrString, protocol corev1.Protocol, containers []corev1.ContainerPort) []int {
	if p.Type == intstr.Int {
		return []int{p.IntValue()}
	}
	var numbers []int
	for _, c := range containers {
		if c.Name == p.StrVal && c.Protocol == protocol && !slices.Contains(numbers, int(c.ContainerPort)) {
			numbers = append(numbers, int(c.ContainerPort))
		}
	}
	return numbers
}

func protocolWord(p corev1.Protocol) string { return strings.ToLower(string(p)) }

// add keeps a port once, among those that are open to others where a rule says
// so. A name is kept once a namespace too, since a pod cannot give it to two
// ports.
func (o *observation) add(to *[]Port, ns string, p Port, name string) {
	if p.Protocol != "tcp" && p.Protocol != "udp" || p.Number < 1 || p.Number > 65535 {
		return
	}
	o.names[ns].Add(p, name)
	if to == &o.open {
		for _, ports := range []*[]Port{&o.policies, &o.services, &o.pods} {
			*ports = slices.DeleteFunc(*ports, func(q Port) bool { return q == p })
		}
	}
	for _, ports := range [][]Port{o.open, o.policies, o.services, o.pods} {
		if slices.Contains(ports, p) {
			return
		}
	}
	*to = append(*to, p)
}
