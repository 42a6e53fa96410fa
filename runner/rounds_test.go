package runner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// ended is a shot with an outcome, and whether its target's receipts show it.
func ended(o probes.Outcome, proven bool) *shot {
	return &shot{outcome: o, arrivals: verdicts.Arrivals{Proven: proven}}
}

func TestBestControl(t *testing.T) {
	t.Parallel()
	type ends struct {
		kind                  verdicts.Rung
		before, during, after probes.Outcome
		proven                [3]bool
	}
	const yes, no = probes.Reached, probes.Dropped
	all := [3]bool{true, true, true}
	reached := func(kind verdicts.Rung) verdicts.Control {
		return verdicts.Control{Rung: kind, Before: yes, During: yes, After: yes}
	}
	for _, c := range []struct {
		name   string
		ladder []ends
		want   verdicts.Control
		proven bool
	}{
		{"no rung at all", nil, verdicts.Control{Rung: verdicts.RungNone}, false},
		{
			"the strongest", []ends{{verdicts.RungSameNamespace, yes, yes, yes, all}, {verdicts.RungSameTenant, yes, yes, yes, all}},
			reached(verdicts.RungSameNamespace), true,
		},
		{
			"the next where the strongest failed before", []ends{{verdicts.RungSameNamespace, no, yes, yes, all}, {verdicts.RungCrossing, yes, yes, yes, all}},
			reached(verdicts.RungCrossing), true,
		},
		{
			"the next where the strongest failed among the attempts", []ends{{verdicts.RungSameNamespace, yes, no, yes, all}, {verdicts.RungCrossing, yes, yes, yes, all}},
			reached(verdicts.RungCrossing), true,
		},
		{
			"all readings are of one control", []ends{{verdicts.RungSameNamespace, yes, yes, no, all}, {verdicts.RungSameTenant, no, no, yes, all}},
			verdicts.Control{Rung: verdicts.RungSameNamespace, Before: yes, During: yes, After: no}, true,
		},
		{
			"one without an answer", []ends{{verdicts.RungSameNamespace, "", "", "", [3]bool{}}},
			verdicts.Control{Rung: verdicts.RungSameNamespace}, false,
		},
		{
			"the receipts do not show it before", []ends{{verdicts.RungSameNamespace, yes, yes, yes, [3]bool{false, true, true}}},
			reached(verdicts.RungSameNamespace), false,
		},
		{
			"the receipts do not show it among the attempts", []ends{{verdicts.RungSameNamespace, yes, yes, yes, [3]bool{true, false, true}}},
			reached(verdicts.RungSameNamespace), false,
		},
		{
			"the receipts do not show it after", []ends{{verdicts.RungSameNamespace, yes, yes, yes, [3]bool{true, true, false}}},
			reached(verdicts.RungSameNamespace), false,
		},
		{
			"the receipts of another rung prove nothing of this one", []ends{{verdicts.RungSameNamespace, no, no, no, all}, {verdicts.RungListener, yes, yes, yes, [3]bool{}}},
			reached(verdicts.RungListener), false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := &cell{}
			for _, e := range c.ladder {
				x.controls = append(x.controls, rung{kind: e.kind, control: &control{
					before: []*shot{ended(e.before, e.proven[0])}, during: []*shot{ended(e.during, e.proven[1])}, after: []*shot{ended(e.after, e.proven[2])},
				}})
			}
			got, proven := x.bestControl(0)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.proven, proven)
		})
	}
}

// A control by address stands in where the name was not answered, and nowhere
// else: a name that leads nowhere is a wall of its own, or a fault.
func TestAControlByAddressStandsInForASilentResolver(t *testing.T) {
	t.Parallel()
	silent := func() *shot {
		return &shot{outcome: probes.Error, observation: &probes.Observation{Phase: probes.PhaseResolve, DNS: probes.DNSTimeout}}
	}
	reached := func() *shot { return &shot{outcome: probes.Reached, arrivals: verdicts.Arrivals{Proven: true}} }
	byAddress := &control{controlKey: controlKey{address: suites.ServiceIP}, before: []*shot{reached()}, during: []*shot{reached()}, after: []*shot{reached()}}
	for _, c := range []struct {
		name          string
		before, after *shot
		want          bool
	}{
		{"silent", silent(), silent(), true},
		{"silent once", reached(), silent(), true},
		{"dropped", &shot{outcome: probes.Dropped}, silent(), false},
		{"no such name", &shot{outcome: probes.Unresolved}, &shot{outcome: probes.Unresolved}, false},
	} {
		byName := &control{before: []*shot{c.before}, during: []*shot{reached()}, after: []*shot{c.after}}
		x := &cell{controls: []rung{
			{kind: verdicts.RungSameNamespace, control: byName},
			{kind: verdicts.RungSameNamespace, control: byAddress, standsFor: byName},
		}}
		got, proven := x.bestControl(0)
		assert.Equal(t, c.want, got.Address == suites.ServiceIP && got.Reached(), c.name)
		assert.Equal(t, c.want, proven, c.name)
	}
}

func TestSeen(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	source, target := standing("t1", "t1", "a").pods[0], standing("t2", "t2", "a").pods[0]
	source.started, target.started = start.Add(-time.Minute), start.Add(-5*time.Second)
	source.adopted, target.adopted = source.started, target.started
	observation := &probes.Observation{}
	c := &cell{attempt: &suites.Attempt{}, source: source, target: target, shots: []*shot{
		{at: start, outcome: probes.Dropped, observation: observation, arrivals: verdicts.Arrivals{Certain: 2, Proven: true}},
		{fault: "exec: gone"},
	}}
	way := verdicts.SourceControl{Outcome: probes.Reached, Rung: verdicts.RungSameNamespace}
	got := c.seen([]time.Time{start, start.Add(10 * time.Second)}, waysOut{c.exit(): {way, {}}})
	require.Len(t, got, 2)
	assert.Equal(t, verdicts.Seen{
		At: start, Draws: 1, PodAge: 5 * time.Second, Outcome: probes.Dropped, Observation: observation,
		Arrivals: verdicts.Arrivals{Certain: 2}, Control: verdicts.Control{Rung: verdicts.RungNone}, Source: way,
	}, got[0], "its own arrival is no proof of the receipts: a control's is")
	assert.Equal(t, "exec: gone", got[1].Fault)
	assert.Empty(t, got[1].Source, "that of the other round is none of this")

	target.started = start.Add(time.Hour) // by a clock that is ahead
	assert.Equal(t, 5*time.Second, c.seen([]time.Time{start, start}, nil)[0].PodAge)
	target.started = start.Add(-time.Hour) // by one that is behind, which excuses nothing
	assert.Equal(t, time.Minute, c.seen([]time.Time{start, start}, nil)[0].PodAge)
	c.target = nil
	assert.Equal(t, time.Minute, c.seen([]time.Time{start, start}, nil)[0].PodAge)
}

func TestAsCase(t *testing.T) {
	t.Parallel()
	p := standing("t1", "t1", "a", "b")
	c := &control{controlKey: controlKey{source: p.pods[0], target: p.pods[1], do: probes.DoTCP, port: ownPorts[1], address: suites.PodIP}}
	now := time.Now()
	assert.Empty(t, c.asCase(nil).Rounds, "before the first round")
	c.before = []*shot{{outcome: probes.Reached, arrivals: verdicts.Arrivals{Certain: 1}}}
	assert.Empty(t, c.asCase(nil).Rounds, "within the controls of the first round")
	k := c.asCase([]time.Time{now})
	require.Len(t, k.Rounds, 1)
	assert.Equal(t, verdicts.Seen{At: now, Outcome: probes.Reached, Arrivals: verdicts.Arrivals{Certain: 1}}, k.Rounds[0])
	assert.Equal(t, suites.Denied, k.Attempt.Expect)
	assert.Len(t, c.asCase([]time.Time{now, now}).Rounds, 1)
}

// Controls that fail at once are given the time that a resolver needs.
func TestWarmUpTakesItsTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		after time.Duration // until the targets answer
		dns   string        // what the resolver says until then
		want  time.Duration
	}{
		{"at once", 0, "", 0},
		{"soon", 3 * time.Second, probes.DNSNXDomain, 4 * time.Second},
		{"a resolver that is late to hear of the name", 41 * time.Second, probes.DNSNXDomain, 42 * time.Second},
		{"a resolver that never hears of it", time.Hour, probes.DNSNXDomain, (nameWarmUps - 1) * warmUpDeadline},
		{"a resolver that is silent", time.Hour, probes.DNSTimeout, (warmUps - 1) * warmUpDeadline},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := standing("t1", "t1", "a", "b")
				tries := 0
				p.pods[0].session = testSession(t, peer(t, func(o probes.Order) []probes.Reply {
					if o.Do == probes.DoFlush {
						return []probes.Reply{{End: &probes.End{Got: 1, Answered: 1}}}
					}
					seen := &probes.Observation{ID: o.ID, Nonce: o.Nonce, Do: o.Do, Phase: probes.PhaseResolve, DNS: c.dns}
					if time.Since(start) >= c.after {
						seen.Phase, seen.Bytes, seen.ConnectMS = probes.PhaseDone, sign(p.pods[1].key, "tcp", 9007, o.Nonce, "boot", 1), 25
					}
					tries++
					return []probes.Reply{{Observed: seen}}
				}))
				r := bound(tenantsOf("t1"), false, nil, p)
				r.controls = []*control{{controlKey: controlKey{source: p.pods[0], target: p.pods[1], do: probes.DoTCP, proto: "tcp", port: ownPorts[1], address: suites.ServiceName}}}
				r.warmUp(t.Context())
				assert.Equal(t, c.want, time.Since(start))
				assert.LessOrEqual(t, tries, nameWarmUps)
				if c.after < time.Minute {
					assert.Equal(t, options().Deadline+100*time.Millisecond, r.deadline(), "four of its round trips more")
				}
				assert.Empty(t, r.controls[0].before, "it judges nothing")
			})
		})
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		assert.True(t, pause(t.Context(), -time.Second))
		start := time.Now()
		assert.True(t, pause(t.Context(), time.Second))
		assert.Equal(t, time.Second, time.Since(start))
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		require.False(t, pause(ctx, 0), "an ended context wins")
	}
}
