package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// manner is a way to write a wall or a hole in a namespace of a tenant.
type manner struct {
	name  string
	write func(g *generator, tenant, ns string) []networkingv1.NetworkPolicySpec
}

// deck deals manners by chance, and each of them before it deals one again.
type deck struct {
	*rand.Rand
	all, left []manner
}

func (d *deck) deal() manner {
	if len(d.left) == 0 {
		d.left = slices.Clone(d.all)
		d.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	m := d.left[0]
	d.left = d.left[1:]
	return m
}

// blueprint is what a world will be made of: the manners of its namespaces, of
// which each of its tenants has one, and the last has two.
type blueprint struct {
	tenants    int
	namespaces [][]manner
}

// blueprints draws worlds by chance. Every fourth has its walls where attempts
// come from; the others have them where they lead to, and some on both sides.
func blueprints(seed uint64, count int) []blueprint {
	random := rand.New(rand.NewPCG(seed, 0))
	of := func(all []manner) *deck { return &deck{Rand: random, all: all} }
	wall, hole, outWall, outHole, resolver := of(walls), of(holes), of(outWalls), of(outHoles), of(resolverWays)
	var all []blueprint
	for i := range count {
		atSource := i%4 == 3
		b := blueprint{tenants: 4}
		if atSource {
			b.tenants = 3
		}
		for range b.tenants + 1 {
			var ns []manner
			if !atSource {
				ns = append(ns, wall.deal())
				for range random.IntN(3) {
					ns = append(ns, hole.deal())
				}
			}
			if atSource || random.IntN(6) == 0 {
				ns = append(ns, outWall.deal(), resolver.deal())
				for range random.IntN(2) {
					ns = append(ns, outHole.deal())
				}
			}
			b.namespaces = append(b.namespaces, ns)
		}
		all = append(all, b)
	}
	return all
}

func TestTheWorldsOfTheDefaultSeedHaveEveryManner(t *testing.T) {
	var want, got []string
	for _, m := range slices.Concat(walls, holes, outWalls, outHoles, resolverWays) {
		want = append(want, m.name)
	}
	for _, b := range blueprints(defaultSeed, defaultWorlds) {
		for _, ns := range b.namespaces {
			for _, m := range ns {
				got = append(got, m.name)
			}
		}
	}
	assert.Subset(t, got, want)
}

// generator builds the world of a blueprint; what is left open there, such as
// the numbers of ports, is drawn by chance too.
type generator struct {
	*rand.Rand
	*world
	policies int
}

func (g *generator) build(b blueprint) {
	for _, tenant := range g.tenants {
		for _, ns := range g.spaces[tenant] {
			for _, m := range b.namespaces[0] {
				g.apply(tenant, ns, m)
			}
			b.namespaces = b.namespaces[1:]
		}
	}
}

// app is a tenant's own pod, by which ports have names.
func (g *generator) app(ns string) {
	pods := lab.admin.CoreV1().Pods(ns)
	if _, err := pods.Get(context.Background(), "app", metav1.GetOptions{}); err == nil {
		return
	}
	g.t.Logf("%s: has an app, which names ports", ns)
	_, err := pods.Create(context.Background(), restrictedPod("app", map[string]string{"app": "web"},
		corev1.ContainerPort{Name: "web", ContainerPort: 8080}, corev1.ContainerPort{Name: "data", ContainerPort: 9007},
		corev1.ContainerPort{Name: "feed", ContainerPort: 9053, Protocol: udp}, corev1.ContainerPort{Name: "pg", ContainerPort: 5432},
	), metav1.CreateOptions{})
	require.NoError(g.t, err)
}

// apply creates the policies of a manner. Those for ingress may leave out their
// type, which the API server then fills in.
func (g *generator) apply(tenant, ns string, m manner) {
	g.t.Logf("%s: %s", ns, m.name)
	for _, spec := range m.write(g, tenant, ns) {
		if spec.PolicyTypes == nil && g.IntN(3) > 0 {
			spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		}
		g.policies++
		_, err := lab.admin.NetworkingV1().NetworkPolicies(ns).Create(context.Background(), &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d", g.policies)}, Spec: spec,
		}, metav1.CreateOptions{})
		require.NoError(g.t, err, m.name)
	}
}

func (g *generator) others(tenant string) []string {
	return slices.DeleteFunc(slices.Clone(g.tenants), func(t string) bool { return t == tenant })
}

func (g *generator) another(tenant string) string {
	others := g.others(tenant)
	return others[g.IntN(len(others))]
}

// peer is whoever is in namespaces whose tenant is, or is not, one of these.
func (g *generator) where(operator metav1.LabelSelectorOperator, tenants ...string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: g.label, Operator: operator, Values: tenants}},
	}}
}

// everythingButPods is the world around the lab's pods.
var everythingButPods = networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.244.0.0/16"}}}

func spec(rules ...networkingv1.NetworkPolicyIngressRule) networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{Ingress: rules}
}

func just(specs ...networkingv1.NetworkPolicySpec) []networkingv1.NetworkPolicySpec { return specs }

func from(peers ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{From: peers}
}

func onPorts(r networkingv1.NetworkPolicyIngressRule, ports ...networkingv1.NetworkPolicyPort) networkingv1.NetworkPolicyIngressRule {
	r.Ports = ports
	return r
}

func all(protocol corev1.Protocol) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: &protocol}
}

func numbered(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	p := intstr.FromInt32(number)
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &p}
}

func ranged(protocol corev1.Protocol, first, last int32) networkingv1.NetworkPolicyPort {
	p := numbered(protocol, first)
	p.EndPort = &last
	return p
}

func named(protocol corev1.Protocol, name string) networkingv1.NetworkPolicyPort {
	p := intstr.FromString(name)
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &p}
}

// walls are ways to let in the own tenant alone; but for the last three, which
// look like it.
var walls = []manner{
	{"a wall by matchLabels", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(from(g.peer(tenant))))
	}},
	{"a wall by In", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(from(g.where(metav1.LabelSelectorOpIn, tenant))))
	}},
	{"a wall by NotIn the others", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(from(g.where(metav1.LabelSelectorOpNotIn, g.others(tenant)...))))
	}},
	{"a wall as a union, one a namespace", func(g *generator, tenant, ns string) []networkingv1.NetworkPolicySpec {
		specs := just(spec(from(networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}})))
		for _, own := range g.spaces[tenant] {
			specs = append(specs, spec(from(networkingv1.NetworkPolicyPeer{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: own}},
			})))
		}
		return specs
	}},
	{"a wall by ports and protocols", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(onPorts(from(g.peer(tenant)), all(tcp)), onPorts(from(g.peer(tenant)), all(udp))))
	}},
	{"a wall by ranges", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		split := 9000 + g.Int32N(100)
		return just(spec(onPorts(from(g.peer(tenant)), ranged(tcp, 1, split), ranged(tcp, split+1, 65535), ranged(udp, 1, 65535))))
	}},
	{"a wall by default-deny and allow", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(), spec(from(g.peer(tenant))))
	}},
	{"a wall that lets the world in, but no pods", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(from(everythingButPods, g.peer(tenant))))
	}},
	{"a wall in halves, by what the pods are", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		probes, rest := spec(from(g.peer(tenant))), spec(from(g.peer(tenant)))
		probes.PodSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "partywall.dev/role", Operator: metav1.LabelSelectorOpExists}}
		rest.PodSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "partywall.dev/role", Operator: metav1.LabelSelectorOpDoesNotExist}}
		return just(probes, rest)
	}},
	{"a wall of port names, which closes all others to the tenant too", func(g *generator, tenant, ns string) []networkingv1.NetworkPolicySpec {
		g.app(ns)
		return just(spec(onPorts(from(g.peer(tenant)), named(tcp, "web"), named(tcp, "data"), named(udp, "feed"))))
	}},
	{"a wall that misses the probes", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		s := spec(from(g.peer(tenant)))
		s.PodSelector.MatchLabels = map[string]string{"app": "web"}
		return just(s)
	}},
	{"a wall that lets nobody in", func(*generator, string, string) []networkingv1.NetworkPolicySpec { return just(spec()) }},
}

// holes are policies beside a wall; some of them open nothing.
var holes = []manner{
	{"open to another tenant", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(from(g.peer(g.another(tenant)))))
	}},
	{"open to another tenant on a port", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(onPorts(from(g.where(metav1.LabelSelectorOpIn, g.another(tenant))), numbered(tcp, 9007))))
	}},
	{"forgets one of the others", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(from(g.where(metav1.LabelSelectorOpNotIn, g.others(tenant)[1:]...))))
	}},
	{"open to all who are tenants", func(g *generator, _, _ string) []networkingv1.NetworkPolicySpec {
		return just(spec(onPorts(from(g.where(metav1.LabelSelectorOpExists)), numbered(udp, 9053))))
	}},
	{"HTTP open to everybody", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		return just(spec(onPorts(from(), numbered(tcp, 8080))))
	}},
	{"UDP open to every namespace", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		return just(spec(onPorts(from(networkingv1.NetworkPolicyPeer{NamespaceSelector: everyNamespace}), all(udp))))
	}},
	{"a range open to everybody", func(g *generator, _, _ string) []networkingv1.NetworkPolicySpec {
		first := 7000 + g.Int32N(2100) // 9007 and 8080 are in some of them
		return just(spec(onPorts(from(), ranged(tcp, first, first+g.Int32N(1200)))))
	}},
	{"a port open by its name", func(g *generator, _, ns string) []networkingv1.NetworkPolicySpec {
		g.app(ns)
		return just(spec(onPorts(from(), named(tcp, []string{"web", "data", "pg", "none"}[g.IntN(4)]))))
	}},
	{"a name of another protocol, which opens nothing", func(g *generator, _, ns string) []networkingv1.NetworkPolicySpec {
		g.app(ns)
		return just(spec(onPorts(from(), named(tcp, "feed"), named(udp, "web"))))
	}},
	{"open to everybody's pods of a name, which no probe has", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		return just(spec(from(networkingv1.NetworkPolicyPeer{
			NamespaceSelector: everyNamespace, PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		})))
	}},
	{"open to everybody's pods of a role, which probes have", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		p := g.peer(g.another(tenant))
		p.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"partywall.dev/role": "probe"}}
		return just(spec(from(p)))
	}},
	{"open altogether", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		return just(spec(networkingv1.NetworkPolicyIngressRule{}))
	}},
	{"open altogether, but not for probes", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		s := spec(networkingv1.NetworkPolicyIngressRule{})
		s.PodSelector.MatchLabels = map[string]string{"app": "web"}
		return just(s)
	}},
	{"one more that admits nobody", func(*generator, string, string) []networkingv1.NetworkPolicySpec { return just(spec()) }},
}

func outSpec(rules ...networkingv1.NetworkPolicyEgressRule) []networkingv1.NetworkPolicySpec {
	return just(networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: rules})
}

func toPeers(peers ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicyEgressRule {
	return networkingv1.NetworkPolicyEgressRule{To: peers}
}

func outPorts(r networkingv1.NetworkPolicyEgressRule, ports ...networkingv1.NetworkPolicyPort) networkingv1.NetworkPolicyEgressRule {
	r.Ports = ports
	return r
}

// outWalls are ways to let the tenant out to itself alone.
var outWalls = []manner{
	{"out by matchLabels", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return outSpec(toPeers(g.peer(tenant)))
	}},
	{"out by NotIn the others", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return outSpec(toPeers(g.where(metav1.LabelSelectorOpNotIn, g.others(tenant)...)))
	}},
	{"out by ranges and to the world, but no pods", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return outSpec(toPeers(everythingButPods), outPorts(toPeers(g.where(metav1.LabelSelectorOpIn, tenant)), ranged(tcp, 1, 65535), all(udp)))
	}},
	{"out by default-deny and allow, its own namespace alone", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		own := toPeers(networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}})
		return slices.Concat(outSpec(), outSpec(own))
	}},
}

// resolverWays let a tenant ask for names, or not.
var resolverWays = []manner{
	{"asks the resolver", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		return outSpec(outPorts(toPeers(networkingv1.NetworkPolicyPeer{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
		}), numbered(udp, 53), numbered(tcp, 53)))
	}},
	{"asks anybody for names", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		return outSpec(outPorts(toPeers(), numbered(udp, 53)))
	}},
	{"asks no resolver", func(*generator, string, string) []networkingv1.NetworkPolicySpec { return nil }},
}

// outHoles let a tenant out to others.
var outHoles = []manner{
	{"out to another tenant", func(g *generator, tenant, _ string) []networkingv1.NetworkPolicySpec {
		return outSpec(toPeers(g.peer(g.another(tenant))))
	}},
	{"out to everybody on ports", func(*generator, string, string) []networkingv1.NetworkPolicySpec {
		return outSpec(outPorts(toPeers(), numbered(tcp, 8080), ranged(udp, 9000, 9100)))
	}},
	{"out to probes of every tenant", func(g *generator, _, _ string) []networkingv1.NetworkPolicySpec {
		p := g.where(metav1.LabelSelectorOpExists)
		p.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{labelSlot: "target-1"}}
		return outSpec(toPeers(p))
	}},
}
