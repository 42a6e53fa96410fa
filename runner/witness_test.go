package runner

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// fakeWitness hands over what it is told to.
type fakeWitness struct {
	key  probes.Key
	told probes.Receipts
	err  error
}

func (f *fakeWitness) Answers() probes.Key { return f.key }

func (f *fakeWitness) Now(context.Context) (probes.Receipts, error) {
	return probes.Receipts{Boot: f.told.Boot, Last: f.told.Last}, f.err
}

func (f *fakeWitness) Receipts(context.Context, uint64) (probes.Receipts, error) {
	return f.told, f.err
}

func withWitness(w *fakeWitness) *run {
	t := tenantsOf("t1", "t2")
	t.Promises.Egress.Witness = &tenancy.Witness{Address: "203.0.113.30", Zone: "seen.example", Ports: tenancy.WitnessPorts(), Tenants: []string{"t2"}}
	o := options()
	o.Witness = w
	return &run{tenancy: t, opts: o, known: map[string]*shot{}}
}

// Whatever the internet tries on the witness is no attempt's arrival, unless
// something answered that attempt too; what the cluster's own addresses bring is.
func TestStrangersAtTheWitness(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.witness = s.target
	stranger := func(proto string) probes.Receipt {
		return probes.Receipt{Proto: proto, Port: 9007, Remote: "198.51.100.77:5"}
	}
	s.tcp.observation.Phase, s.again.observation.Phase = probes.PhaseConnect, probes.PhaseRead
	s.other.observation.Phase, s.control.observation.Phase = probes.PhaseConnect, probes.PhaseConnect
	s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{stranger("tcp"), stranger("udp")}})
	assert.Equal(t, map[string]counts{"again": {0, 1}}, s.counts())

	s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{{Proto: "tcp", Port: 9007, Remote: "192.0.2.2:5"}}})
	assert.Equal(t, map[string]counts{"again": {0, 1}, "other": {0, 1}, "control": {0, 1}}, s.counts(), "node b's address may be any of its pods'")

	s.settle(s.target, s.all(), collection{receipts: []probes.Receipt{{Proto: "udp", Port: 9007, Remote: "198.51.100.77:5", Nonce: "n-udp"}}})
	assert.Equal(t, counts{1, 0}, s.counts()["udp"], "a nonce is proof, wherever it comes from")
}

func TestTheWitnessIsHeard(t *testing.T) {
	t.Parallel()
	w := &fakeWitness{key: probes.NewKey(), told: probes.Receipts{Boot: "b1", Last: 7}}
	r := withWitness(w)
	r.openOuter(t.Context())
	assert.Equal(t, uint64(7), r.outer.witness.read, "what came before the run is none of its business")

	w.told = probes.Receipts{Boot: "b1", Last: 8, Receipts: []probes.Receipt{{Seq: 8}}}
	got := r.collectOuter(t.Context())
	assert.Equal(t, collection{receipts: w.told.Receipts}, got)

	w.told = probes.Receipts{Boot: "b1", Last: 10, Receipts: []probes.Receipt{{Seq: 10}}}
	assert.True(t, r.collectOuter(t.Context()).gap)

	w.told.Boot = "b2"
	assert.Equal(t, "the witness restarted while the run was under way", r.collectOuter(t.Context()).fault)

	w.err = errors.New("no route")
	assert.Equal(t, "no route", r.collectOuter(t.Context()).fault)
}

// One that cannot be asked at first is not believed later either: what came in
// between is not known.
func TestTheWitnessIsNotHeard(t *testing.T) {
	t.Parallel()
	w := &fakeWitness{key: probes.NewKey(), err: errors.New("no route")}
	r := withWitness(w)
	r.openOuter(t.Context())
	assert.Contains(t, r.notes[0], "the witness cannot be asked what arrives")
	w.err = nil
	assert.Equal(t, "no route", r.collectOuter(t.Context()).fault)
}

func TestTheWitnesssControls(t *testing.T) {
	t.Parallel()
	r := withWitness(&fakeWitness{key: probes.NewKey()})
	r.openOuter(t.Context())
	a, trusted := standing("t1", "t1", "a", "b", "a"), standing("t2", "t2", "b", "a")
	r.places = []*place{a, trusted}
	at := func(address suites.Address) suites.Attempt {
		return suites.Attempt{
			From: suites.Place{Tenant: "t1", Namespace: "t1"}, Out: true, Witnessed: true, Outside: "203.0.113.30", Address: address,
			Do: probes.DoTCP, Port: tenancy.Port{Protocol: "tcp", Number: 4444}, Placement: suites.AnyNode,
		}
	}
	byName := at(suites.Resolver)
	byName.Do, byName.Port = probes.DoDNS, tenancy.Port{Protocol: "udp", Number: 53}
	byName.Lookup = suites.Lookup{Of: suites.WitnessRecord, Type: "TXT", Over: "udp"}
	p := r.bind([]suites.Attempt{at(suites.ByAddress), byName}, 1, true)
	direct := p.cells[0].controls
	require.Len(t, direct, 2)
	assert.Equal(t, verdicts.RungCrossing, direct[0].kind)
	assert.Equal(t, trusted.pods[1], direct[0].control.source, "on the source's own node")
	assert.Equal(t, verdicts.RungRunner, direct[1].kind)
	assert.Equal(t, r.outer.runner, direct[1].control.source)
	asked := p.cells[1].controls
	require.Len(t, asked, 1)
	assert.Equal(t, verdicts.RungRunner, asked[0].kind)

	// The resolver is asked for a name in the zone, the witness itself for any.
	s := p.cellShot(p.cells[1], a.pods[0], 1)
	assert.Empty(t, s.order.Server)
	assert.Equal(t, r.outer.witness.key.Name(s.order.Nonce, "seen.example"), s.order.Host)
	before := s.order
	p.renew(s)
	assert.NotEqual(t, before.Nonce, s.order.Nonce)
	assert.Equal(t, r.outer.witness.key.Name(s.order.Nonce, "seen.example"), s.order.Host, "another try is another name")
	c := p.controlShot(asked[0].control, 1, 0)
	assert.Equal(t, "203.0.113.30:53", c.order.Server)
	d := p.cellShot(p.cells[0], a.pods[0], 1)
	assert.Equal(t, "203.0.113.30", d.order.Host)
	assert.Equal(t, r.outer.witness, d.target)
	assert.NotEmpty(t, d.order.Token)

	r.outer.witness = nil
	assert.Contains(t, r.bind([]suites.Attempt{at(suites.ByAddress)}, 1, true).cells[0].problem, "--witness-key")
}

func TestClassifyAtTheWitness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seen probes.Observation
		who  probes.Authenticity
		want probes.Outcome
	}{
		"signed":                        {probes.Observation{Do: probes.DoDNS, RCode: "NOERROR", Answers: []string{"x"}}, probes.Genuine, probes.Reached},
		"answered by another":           {probes.Observation{Do: probes.DoDNS, RCode: "NOERROR", Answers: []string{"x"}}, probes.Silent, probes.Unresolved},
		"a resolver that fails":         {probes.Observation{Do: probes.DoDNS, RCode: "SERVFAIL"}, probes.Silent, probes.Unresolved},
		"a page of a proxy on the way":  {probes.Observation{Do: probes.DoHTTP, Status: 200}, probes.Unsigned, probes.Error},
		"another tenant's probe":        {probes.Observation{Do: probes.DoHTTP, Status: 200}, probes.Foreign, probes.Misrouted},
		"denied by a policy's own word": {probes.Observation{Do: probes.DoHTTP, Status: 403, Bytes: []byte("RBAC: access denied")}, probes.Unsigned, probes.Forbidden},
	} {
		assert.Equal(t, c.want, classifyAtWitness(c.seen, c.who), name)
	}
}

func TestCheckWitness(t *testing.T) {
	t.Parallel()
	tries, tried := []suites.Attempt{{Witnessed: true}}, []suites.Attempt{{Witnessed: true, Skip: "no"}, {}}
	w := &fakeWitness{}
	require.NoError(t, CheckWitness(tenantsOf("a"), slices.Values(tries), w))
	require.NoError(t, CheckWitness(tenantsOf("a"), slices.Values(tried), nil))
	require.ErrorContains(t, CheckWitness(tenantsOf("a"), slices.Values(tries), nil), "--witness-key")
	require.ErrorContains(t, CheckWitness(tenantsOf("a"), slices.Values(tried), w), "nothing that is selected tries a witness")
}
