package runner

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

func TestWaysOut(t *testing.T) {
	t.Parallel()
	p, second, other := standing("t1", "t1", "a", "b", "a"), standing("t1", "t1b", "a", "b", "a"), standing("t2", "t2", "a", "b", "a")
	shotBy := func(source *pod, o probes.Outcome) *shot { return &shot{source: source, outcome: o} }
	from := func(source, target *pod, during probes.Outcome) *control {
		always := []*shot{shotBy(source, probes.Reached)}
		return &control{controlKey: controlKey{source: source, target: target}, before: always, during: []*shot{shotBy(source, during)}, after: always}
	}
	cellBy := func(expect suites.Expectation, s *shot) *cell {
		a := attemptOf("t1", "t2", 0, suites.SameNode)
		a.Expect = expect
		return &cell{attempt: &a, source: p.pods[0], target: other.pods[0], shots: []*shot{s}}
	}
	named := func(phase probes.Phase, dns string) *cell {
		s := shotBy(p.pods[0], probes.Dropped)
		s.order.Host, s.observation = "x.t2.svc", &probes.Observation{Phase: phase, DNS: dns}
		return cellBy(suites.Denied, s)
	}
	byAddress := named(probes.PhaseConnect, "")
	byAddress.shots[0].order.Host = "192.0.2.1"
	unanswered := named(probes.PhaseConnect, "")
	unanswered.shots[0].observation = nil

	way := func(o probes.Outcome, rung verdicts.Rung) verdicts.SourceControl {
		return verdicts.SourceControl{Outcome: o, Rung: rung}
	}
	own, resolver := verdicts.RungSameNamespace, way(probes.Reached, verdicts.RungResolver)
	for _, c := range []struct {
		name     string
		controls []*control
		cells    []*cell
		want     verdicts.SourceControl
	}{
		{"nothing", nil, nil, verdicts.SourceControl{}},
		{"reached", []*control{from(p.pods[0], p.pods[1], probes.Reached)}, nil, way(probes.Reached, own)},
		{"reached before and after alone", []*control{from(p.pods[0], p.pods[1], probes.Dropped)}, nil, way(probes.Dropped, own)},
		{"reached by another of its controls", []*control{from(p.pods[0], p.pods[1], probes.Dropped), from(p.pods[0], p.pods[1], probes.Reached)}, nil, way(probes.Reached, own)},
		{"reached in another namespace of its tenant", []*control{from(p.pods[0], second.pods[1], probes.Reached)}, nil, way(probes.Reached, verdicts.RungSameTenant)},
		{"reached by a crossing that it controls", []*control{from(p.pods[0], other.pods[1], probes.Reached)}, nil, way(probes.Reached, verdicts.RungCrossing)},
		{"reached a shared service", []*control{from(p.pods[0], nil, probes.Reached)}, nil, way(probes.Reached, verdicts.RungCrossing)},
		{"somebody else's control", []*control{from(p.pods[2], p.pods[1], probes.Reached)}, nil, verdicts.SourceControl{}},
		{"its own listener is no way out", []*control{from(p.pods[0], p.pods[0], probes.Reached)}, nil, verdicts.SourceControl{}},
		{"a crossing that it used", nil, []*cell{cellBy(suites.Allowed, shotBy(p.pods[0], probes.Reached))}, way(probes.Reached, verdicts.RungCrossing)},
		{"a leak is nothing that it may reach", nil, []*cell{cellBy(suites.Denied, shotBy(p.pods[0], probes.Reached))}, verdicts.SourceControl{}},
		{"a name that resolved", nil, []*cell{named(probes.PhaseConnect, "")}, resolver},
		{"a name that is not there", nil, []*cell{named(probes.PhaseResolve, probes.DNSNXDomain)}, resolver},
		{"a name and better", []*control{from(p.pods[0], p.pods[1], probes.Reached)}, []*cell{named(probes.PhaseConnect, "")}, way(probes.Reached, own)},
		{"a name where the rest was stopped", []*control{from(p.pods[0], p.pods[1], probes.Dropped)}, []*cell{named(probes.PhaseConnect, "")}, resolver},
		{"a resolver without an answer", nil, []*cell{named(probes.PhaseResolve, probes.DNSTimeout)}, verdicts.SourceControl{}},
		{"a resolver that fails", nil, []*cell{named(probes.PhaseResolve, probes.DNSServFail)}, verdicts.SourceControl{}},
		{"an attempt that never began", nil, []*cell{named("", "")}, verdicts.SourceControl{}},
		{"an address needs no resolver", nil, []*cell{byAddress}, verdicts.SourceControl{}},
		{"no observation", nil, []*cell{unanswered}, verdicts.SourceControl{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &part{controls: c.controls, cells: c.cells}
			first, other := exit{p.pods[0], suites.PodIP}, exit{p.pods[0], suites.PodIP2}
			assert.Equal(t, c.want, r.waysOut()[first][0])
			assert.Empty(t, r.waysOut()[first][1], "a round proves nothing of another")
			assert.Empty(t, r.waysOut()[other], "and one family of addresses nothing of the other")
		})
	}
}

// A pod whose proxy is dead reaches all that the proxy leaves alone, and nothing
// of what is tried.
func TestWhatGoesPastAProxyIsNoWayOutThroughIt(t *testing.T) {
	t.Parallel()
	p := standing("t1", "t1", "a", "b", "a")
	p.proxied = true
	for do, want := range map[probes.Do]probes.Outcome{probes.DoUDP: "", probes.DoICMP: "", probes.DoTCP: probes.Reached, probes.DoHTTP: probes.Reached} {
		c := &control{controlKey: controlKey{source: p.pods[0], target: p.pods[1], do: do}, during: []*shot{{source: p.pods[0], outcome: probes.Reached}}}
		r := &part{controls: []*control{c}}
		assert.Equal(t, want, r.waysOut()[exit{p.pods[0], suites.PodIP}][0].Outcome, do)
	}
	asked := &shot{source: p.pods[0], outcome: probes.Reached, order: probes.Order{Do: probes.DoDNS}}
	r := &part{controls: []*control{{controlKey: controlKey{source: p.pods[0], do: probes.DoDNS}, during: []*shot{asked}}}}
	assert.Empty(t, r.waysOut()[exit{p.pods[0], suites.PodIP}][0], "and its resolver it asks past the proxy")
}
