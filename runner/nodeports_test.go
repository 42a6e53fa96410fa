package runner

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/verdicts"
)

// openDoors gives a Service's ports numbers on the nodes.
func (w *world) openDoors(s *corev1.Service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.doors == nil {
		w.doors = map[int]door{}
	}
	for i, p := range s.Spec.Ports {
		s.Spec.Ports[i].NodePort = int32(30000 + len(w.doors))
		w.doors[30000+len(w.doors)] = door{w.probe(s.Namespace, s.Labels[labelPod]), int(p.Port)}
	}
}

// byNode says that an attempt goes by a port of a node.
func byNode(o probes.Order) bool { return o.Host == nodeAddress("a") || o.Host == nodeAddress("b") }

func refusePorts(w *world) {
	w.client.PrependReactor("create", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
		s := a.(clienttesting.CreateAction).GetObject().(*corev1.Service)
		return s.Spec.Type == corev1.ServiceTypeNodePort, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, s.Name, errUsedUp)
	})
}

var errUsedUp = errors.New("services.nodeports is used up")

func hideNodes(w *world) {
	allow(w.client, func(a authorizationv1.ResourceAttributes) bool { return a.Resource == "nodes" })
}

func TestRunByPortsOfTheNodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		wall    func(from, to *fakeProbe, o probes.Order) way
		set     func(*world)
		byNode  verdicts.Verdict
		outcome probes.Outcome
		why     string
	}{
		{name: "walls that hold", wall: closed, byNode: verdicts.Isolated, outcome: probes.Dropped},
		{
			name: "a wall that lets nodes in", byNode: verdicts.Leak, outcome: probes.Reached, why: "by a port of",
			wall: func(_, _ *fakeProbe, o probes.Order) way {
				if byNode(o) {
					return through
				}
				return dropped
			},
		},
		{
			name: "a wall that stops the answers to nodes", byNode: verdicts.Leak, outcome: probes.Received,
			wall: func(_, _ *fakeProbe, o probes.Order) way {
				if byNode(o) {
					return oneWay
				}
				return dropped
			},
		},
		{name: "a cluster that refuses ports", wall: closed, set: refusePorts, byNode: verdicts.Inconclusive, why: "services.nodeports is used up"},
		{name: "nodes that nobody may list", wall: closed, set: hideNodes, byNode: verdicts.Skipped, why: "may not list nodes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				w.wall = c.wall
				w.attempts = nil
				for _, a := range (network.Suite{NodePorts: true}).Plan(w.tenancy, suites.Whole(w.tenancy)) {
					if a.Check == "tcp" && (a.Address.ByNode() || a.Address == suites.PodIP) {
						w.attempts = append(w.attempts, a)
					}
				}
				if c.set != nil {
					c.set(w)
				}
				results, e := w.run(t.Context())
				seen := 0
				for id, r := range results {
					if !r.Address.ByNode() {
						require.NotEqual(t, verdicts.Inconclusive, r.Verdict, "%s: %s", id, r.Why)
						continue
					}
					seen++
					require.Equal(t, c.byNode, r.Verdict, "%s: %s", id, r.Why)
					require.Contains(t, r.Why, c.why, id)
					if c.outcome != "" {
						require.Equal(t, c.outcome, r.Outcome, id)
					}
				}
				require.Equal(t, 2*2*3, seen)
				w.requireClean(e)
			})
		})
	}
}

// An arrival from the node whose port was asked may be the attempt with its
// address rewritten.
func TestArrivalsFromTheNodeBetween(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		w.attempts = nil
		for _, a := range (network.Suite{NodePorts: true}).Plan(w.tenancy, suites.Whole(w.tenancy)) {
			if a.Check == "tcp" && a.Address == suites.NodePort && a.Placement == suites.CrossNode {
				w.attempts = append(w.attempts, a)
			}
		}
		w.wall = between("t1", "t2", accepted)
		results, e := w.run(t.Context())
		for id, r := range results {
			if r.To.Tenant == "t2" {
				require.Equal(t, verdicts.Inconclusive, r.Verdict, "%s: %s", id, r.Why)
				require.Contains(t, r.Why, "with its address rewritten")
			} else {
				require.Equal(t, verdicts.Isolated, r.Verdict, "%s: %s", id, r.Why)
			}
		}
		w.requireClean(e)
	})
}

func TestRunPings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		wall   func(from, to *fakeProbe, o probes.Order) way
		noPing bool
		want   verdicts.Verdict
		why    string
	}{
		{"walls that hold", closed, false, verdicts.Unreached, "no echo came back to t1 from t2"},
		{"walls that are open", between("t1", "t2", through), false, verdicts.Leak, "t1 had its echo request answered"},
		{"kernels that let no pod ping", closed, true, verdicts.Skipped, "net.ipv4.ping_group_range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tenantsOf("t1", "t2"))
				w.wall, w.noPing = c.wall, c.noPing
				w.attempts = slices.DeleteFunc(network.Suite{}.Plan(w.tenancy, suites.Whole(w.tenancy)), func(a suites.Attempt) bool { return a.Do != probes.DoICMP })
				results, e := w.run(t.Context())
				require.Len(t, results, 2*3)
				for id, r := range results {
					if r.From.Tenant == "t1" {
						require.Equal(t, c.want, r.Verdict, "%s: %s", id, r.Why)
						require.Contains(t, r.Why, c.why)
						require.Equal(t, verdicts.OneSided, r.Grade)
						require.False(t, r.Fails, "an echo alone is of low severity")
					}
				}
				require.NotZero(t, w.controls, "those of the sources")
				w.requireClean(e)
			})
		})
	}
}
