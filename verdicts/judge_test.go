package verdicts

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// ideal is a case with everything that isolation needs, which tests then spoil.
func ideal(o probes.Outcome) Case {
	round := func(at time.Time) Seen {
		return Seen{
			At: at, PodAge: time.Minute, Outcome: o, Observation: &probes.Observation{},
			Arrivals: Arrivals{Proven: true}, Source: SourceControl{Outcome: probes.Reached, Rung: RungSameNamespace},
			Control: Control{Before: probes.Reached, During: probes.Reached, After: probes.Reached, Rung: RungSameNamespace},
		}
	}
	return Case{
		Attempt: suites.Attempt{
			Suite: "network", Check: "tcp", Address: suites.PodIP, Expect: suites.Denied, Severity: tenancy.High,
			Port: tenancy.Port{Protocol: "tcp", Number: 9007},
		},
		From: Side{Tenant: "acme"}, To: Side{Tenant: "globex"},
		Rounds: []Seen{round(noon), round(noon.Add(12 * time.Second))},
	}
}

func eachRound(c *Case, spoil func(*Seen)) {
	for i := range c.Rounds {
		spoil(&c.Rounds[i])
	}
}

// The rows and columns of the grids below.
var (
	controlRows = []struct {
		name  string
		weak  bool
		spoil func(*Control)
	}{
		{"reached before and after", false, func(*Control) {}},
		{"not reached before", false, func(c *Control) { c.Before = probes.Dropped }},
		{"not reached during", false, func(c *Control) { c.During = probes.Dropped }},
		{"not reached after", false, func(c *Control) { c.After = probes.Refused }},
		{"none", false, func(c *Control) { *c = Control{Rung: RungNone} }},
		{"listener, refused by the file", false, func(c *Control) { c.Rung = RungListener }},
		{"listener, accepted by the file", true, func(c *Control) { c.Rung = RungListener }},
	}
	receiptColumns = []struct {
		name  string
		spoil func(*Arrivals)
	}{
		{"none", func(*Arrivals) {}},
		{"certain", func(a *Arrivals) { a.Certain = 1 }},
		{"possible", func(a *Arrivals) { a.Possible, a.From = 1, "10.0.0.1" }},
		{"unproven", func(a *Arrivals) { a.Proven = false }},
		{"fault", func(a *Arrivals) { a.Fault = "restarted" }},
	}
)

// The verdicts of the design's tables: a letter for each control (down) and
// receipt (across). I isolated, L leak, A allowed, B broken, ? inconclusive.
const (
	allLeak = `
		LLLLL
		LLLLL
		LLLLL
		LLLLL
		LLLLL
		LLLLL
		LLLLL`
	needsBoth = `
		IL???
		?L???
		?L???
		?L???
		?L???
		?L???
		IL???`
	onlyReceipts = `
		?L???
		?L???
		?L???
		?L???
		?L???
		?L???
		?L???`
	allAllowed = `
		AAAAA
		AAAAA
		AAAAA
		AAAAA
		AAAAA
		AAAAA
		AAAAA`
	needsControl = `
		BBBBB
		?????
		?????
		?????
		?????
		?????
		BBBBB`
	nothing = `
		?????
		?????
		?????
		?????
		?????
		?????
		?????`
)

var letters = map[byte]Verdict{'I': Isolated, 'L': Leak, 'A': Allowed, 'B': Broken, '?': Inconclusive}

func TestEveryOutcomeExpectationControlAndReceipt(t *testing.T) {
	table := []struct {
		outcome         probes.Outcome
		denied, allowed string
	}{
		{probes.Reached, allLeak, allAllowed},
		{probes.Misrouted, allLeak, allLeak},
		{probes.Disclosed, allLeak, needsControl},
		{probes.Received, allLeak, needsControl},
		{probes.Forbidden, needsBoth, needsControl},
		{probes.Unauthenticated, needsBoth, needsControl},
		{probes.TLSRejected, needsBoth, needsControl},
		{probes.Refused, needsBoth, needsControl},
		{probes.Reset, needsBoth, needsControl},
		{probes.Closed, needsBoth, needsControl},
		{probes.Dropped, needsBoth, needsControl},
		{probes.Unreachable, needsBoth, needsControl},
		{probes.Unresolved, onlyReceipts, needsControl},
		{probes.Blackholed, onlyReceipts, needsControl},
		{probes.Error, onlyReceipts, nothing},
		{"", onlyReceipts, nothing},
	}
	for _, row := range table {
		for expect, grid := range map[suites.Expectation]string{suites.Denied: row.denied, suites.Allowed: row.allowed} {
			lines := strings.Fields(grid)
			for i, control := range controlRows {
				for j, receipt := range receiptColumns {
					name := fmt.Sprintf("%s/%s/control %s/receipts %s", row.outcome, expect, control.name, receipt.name)
					t.Run(name, func(t *testing.T) {
						c := ideal(row.outcome)
						c.Attempt.Expect = expect
						eachRound(&c, func(s *Seen) {
							control.spoil(&s.Control)
							receipt.spoil(&s.Arrivals)
						})
						r := Judge(c, Rules{WeakControls: control.weak}, "")
						assert.Equal(t, letters[lines[i][j]], r.Verdict, r.Why)
						assert.NotEmpty(t, r.Why)
					})
				}
			}
		}
	}
}

// What is made at the source counts only beside a denial on the pod's own
// address, and never by itself.
func TestOutcomeMadeAtTheSourceIsNoWall(t *testing.T) {
	for _, o := range []probes.Outcome{probes.Unresolved, probes.Blackholed} {
		for beside, want := range map[Verdict]Verdict{
			Isolated: Isolated, Leak: Inconclusive, Inconclusive: Inconclusive, Skipped: Inconclusive, "": Inconclusive,
		} {
			c := ideal(o)
			c.Attempt.Address = suites.ServiceName
			assert.Equal(t, want, Judge(c, Rules{}, beside).Verdict, "%s beside %q", o, beside)
			c.Attempt.Address = suites.PodIP
			assert.Equal(t, Inconclusive, Judge(c, Rules{}, beside).Verdict, "%s on the pod's own address", o)
		}
	}
}

func TestDenialIsNOfN(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil    func(*Case)
		verdict  Verdict
		severity string
		startup  bool
	}{
		"second round alone got through":      {func(c *Case) { c.Rounds[1].Outcome = probes.Reached }, Leak, "high", false},
		"first round alone, long after start": {func(c *Case) { c.Rounds[0].Outcome = probes.Reached }, Leak, "high", false},
		"first round alone, at start-up": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge = probes.Reached, 5*time.Second
		}, Leak, "medium", true},
		"first round alone, at start-up, a policy changed": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge, c.Unsettled = probes.Reached, 5*time.Second, "NetworkPolicy x/y was created"
		}, Leak, "high", false},
		"first round alone, before its pods' start by another clock": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge = probes.Reached, -time.Minute
		}, Leak, "high", false},
		"first round alone, at start-up, and then no control": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge, c.Rounds[1].Control.After = probes.Reached, 5*time.Second, probes.Dropped
		}, Leak, "high", false},
		"first round alone, at start-up, and then no source control": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge, c.Rounds[1].Source = probes.Reached, 5*time.Second, SourceControl{}
		}, Leak, "high", false},
		"first round alone, at start-up, and then no receipts": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge, c.Rounds[1].Arrivals.Fault = probes.Reached, 5*time.Second, "restarted"
		}, Leak, "high", false},
		"first round alone, at start-up, and then an arrival that may be it": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge, c.Rounds[1].Arrivals.Possible = probes.Reached, 5*time.Second, 1
		}, Leak, "high", false},
		"first round alone, at start-up, and then a resolver without an answer": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge = probes.Reached, 5*time.Second
			c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Error, &probes.Observation{Phase: probes.PhaseResolve, DNS: probes.DNSTimeout}
		}, Leak, "high", false},
		"first round alone, at start-up, of a real service": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge, c.Attempt.Service = probes.Reached, 5*time.Second, "audit"
		}, Leak, "high", false},
		"both rounds, at start-up": {func(c *Case) {
			eachRound(c, func(s *Seen) { s.Outcome, s.PodAge = probes.Reached, 5*time.Second })
		}, Leak, "high", false},
		"first round at start-up, second never made": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge = probes.Reached, 5*time.Second
			c.Rounds = c.Rounds[:1]
		}, Leak, "high", false},
		"first round at start-up, second unanswered": {func(c *Case) {
			c.Rounds[0].Outcome, c.Rounds[0].PodAge = probes.Reached, 5*time.Second
			c.Rounds[1].Observation = nil
		}, Leak, "high", false},
		"a receipt in one round":            {func(c *Case) { c.Rounds[1].Arrivals.Certain = 1 }, Leak, "high", false},
		"one round made":                    {func(c *Case) { c.Rounds = c.Rounds[:1] }, Inconclusive, "high", false},
		"no round made":                     {func(c *Case) { c.Rounds = nil }, Inconclusive, "high", false},
		"rounds too close":                  {func(c *Case) { c.Rounds[1].At = noon.Add(9 * time.Second) }, Inconclusive, "high", false},
		"one round unanswered":              {func(c *Case) { c.Rounds[1].Observation = nil }, Inconclusive, "high", false},
		"control lost in round 2":           {func(c *Case) { c.Rounds[1].Control.After = probes.Dropped }, Inconclusive, "high", false},
		"no source control":                 {func(c *Case) { c.Rounds[0].Source = SourceControl{} }, Inconclusive, "high", false},
		"source control failed":             {func(c *Case) { c.Rounds[1].Source.Outcome = probes.Dropped }, Inconclusive, "high", false},
		"never tried":                       {func(c *Case) { c.Rounds, c.Problem = nil, "exceeded quota" }, Inconclusive, "high", false},
		"source reached its resolver alone": {func(c *Case) { c.Rounds[1].Source.Rung = RungResolver }, Inconclusive, "high", false},
		"interrupted":                       {func(c *Case) { c.Rounds, c.Interrupted = nil, true }, Inconclusive, "high", false},
		"not applicable":                    {func(c *Case) { c.Attempt.Skip = "one node" }, Skipped, "high", false},
		"two denials of two kinds":          {func(c *Case) { c.Rounds[1].Outcome = probes.Refused }, Isolated, "high", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := ideal(probes.Dropped)
			tc.spoil(&c)
			r := Judge(c, Rules{}, "")
			assert.Equal(t, tc.verdict, r.Verdict, r.Why)
			assert.Equal(t, tc.severity, r.Severity)
			assert.Equal(t, tc.startup, r.Startup)
		})
	}
}

func TestProblemIsToldInTheWordsOfWhoeverRefused(t *testing.T) {
	c := ideal("")
	c.Rounds, c.Problem = nil, `pods "x" is forbidden: exceeded quota: small`
	assert.Contains(t, Judge(c, Rules{}, "").Why, c.Problem)
}

func TestPromisedDenial(t *testing.T) {
	rules := Rules{Denial: []probes.Outcome{probes.Forbidden, probes.Dropped}}
	assert.Equal(t, Isolated, Judge(ideal(probes.Dropped), rules, "").Verdict)
	assert.Equal(t, Inconclusive, Judge(ideal(probes.Refused), rules, "").Verdict)
	assert.Equal(t, Leak, Judge(ideal(probes.Reached), rules, "").Verdict)
}

func TestOneSidedIsNeverIsolated(t *testing.T) {
	for o, want := range map[probes.Outcome]Verdict{
		probes.Dropped: Unreached, probes.Refused: Unreached, probes.Unresolved: Inconclusive,
		probes.Reached: Leak, probes.Error: Inconclusive,
	} {
		c := ideal(o)
		c.Attempt.Service, c.Attempt.Address = "audit", suites.ServiceName
		r := Judge(c, Rules{}, "")
		assert.Equal(t, want, r.Verdict, r.Why)
		assert.Equal(t, OneSided, r.Grade)

		eachRound(&c, func(s *Seen) { s.Control.After = probes.Refused })
		if want == Unreached {
			want = Inconclusive
		}
		assert.Equal(t, want, Judge(c, Rules{}, "").Verdict, "the service answered nobody: %s", r.Why)
	}
}

// What a proxy at the source makes of an attempt on the second address is not
// vouched for by the first, which is of another family.
func TestTheFirstAddressVouchesForNothingOfTheSecond(t *testing.T) {
	c := ideal(probes.Blackholed)
	c.Attempt.Address = suites.PodIP2
	r := Judge(c, Rules{}, Isolated)
	assert.Equal(t, Inconclusive, r.Verdict, r.Why)
	assert.Contains(t, r.Why, "made at the source")
	c = ideal(probes.Dropped)
	c.Attempt.Address = suites.PodIP2
	assert.Equal(t, Isolated, Judge(c, Rules{}, "").Verdict)
}

// The file may accept that a source shows no more life than its resolver's
// answer, and that a target shows none but its own; the sentence says so.
func TestWeakControls(t *testing.T) {
	weak := Rules{WeakControls: true}
	c := ideal(probes.Dropped)
	eachRound(&c, func(s *Seen) { s.Source.Rung = RungResolver })
	r := Judge(c, weak, "")
	assert.Equal(t, Isolated, r.Verdict)
	assert.Contains(t, r.Why, "of all that the source may reach only its resolver answered")
	assert.NotContains(t, r.Why, "the target itself")

	c = ideal(probes.Dropped)
	c.Rounds[1].Control.Rung = RungListener
	r = Judge(c, weak, "")
	assert.Equal(t, Isolated, r.Verdict)
	assert.Contains(t, r.Why, "answered only the target itself, which is a weak control")

	c.Rounds[1].Source = SourceControl{}
	assert.Equal(t, Inconclusive, Judge(c, weak, "").Verdict, "a source that reaches nothing at all proves nothing")
}

// Where a policy keeps a source from its resolver, its names do not resolve:
// an outcome that was made at the source, if the resolver answers others.
func TestAResolverThatDoesNotAnswerTheSource(t *testing.T) {
	silent := func(dns string) Case {
		c := ideal(probes.Error)
		c.Attempt.Address = suites.ServiceName
		eachRound(&c, func(s *Seen) {
			s.Observation = &probes.Observation{Phase: probes.PhaseResolve, DNS: dns, Error: "i/o timeout"}
		})
		return c
	}
	r := Judge(silent(probes.DNSTimeout), Rules{}, Isolated)
	assert.Equal(t, Isolated, r.Verdict, r.Why)
	assert.Equal(t, probes.Unresolved, r.Outcome)

	assert.Equal(t, Inconclusive, Judge(silent(probes.DNSTimeout), Rules{}, Inconclusive).Verdict, "nothing stands beside it")
	assert.Equal(t, Inconclusive, Judge(silent(probes.DNSServFail), Rules{}, Isolated).Verdict, "a resolver that fails is none that is closed")
	c := silent(probes.DNSTimeout)
	c.Rounds[1].Control.Before = probes.Error
	assert.Equal(t, Inconclusive, Judge(c, Rules{}, Isolated).Verdict, "it did not answer the control either")
	c = silent(probes.DNSTimeout)
	c.Attempt.Expect = suites.Allowed
	assert.Equal(t, Inconclusive, Judge(c, Rules{}, Broken).Verdict, "a question may have been lost: the crossing is not broken by that")
	assert.Equal(t, Skipped, Judge(c, Rules{}, Allowed).Verdict, "it can use no name, and the crossing works by address")
	c.Rounds[1].Control.Before = probes.Error
	assert.Equal(t, Inconclusive, Judge(c, Rules{}, Allowed).Verdict, "nor was the control answered")
	assert.Equal(t, Isolated, Judge(silent(probes.DNSUnreachable), Rules{}, Isolated).Verdict)
}

func TestThreshold(t *testing.T) {
	leak := Judge(ideal(probes.Reached), Rules{}, "")
	day := func(s string) time.Time {
		d, err := time.Parse("2006-01-02", s)
		require.NoError(t, err)
		return d
	}
	ten := &tenancy.Tenancy{FailOn: tenancy.High}
	r, _ := Threshold(leak, ten, noon)
	assert.True(t, r.Fails)

	ten.FailOn = tenancy.Critical
	r, _ = Threshold(leak, ten, noon)
	assert.False(t, r.Fails)
	assert.Equal(t, Leak, r.Verdict)

	ten = &tenancy.Tenancy{FailOn: tenancy.High, Exceptions: []tenancy.Exception{
		{Match: "network/tcp/*", Owner: "net", Reason: "later", Expires: day("2026-11-24")},
	}}
	r, note := Threshold(leak, ten, noon)
	assert.Equal(t, Excepted, r.Verdict)
	assert.False(t, r.Fails)
	assert.Empty(t, note)

	r, note = Threshold(leak, ten, noon.Add(24*time.Hour))
	assert.Equal(t, Leak, r.Verdict)
	assert.True(t, r.Fails, "an expired exception fails again")
	assert.Contains(t, note, "expired on 2026-11-24")

	broken := Result{Verdict: Broken, ID: "network/tcp/x"}
	r, _ = Threshold(broken, ten, noon)
	assert.True(t, r.Fails)
	assert.Equal(t, Broken, r.Verdict, "an exception accepts leaks, nothing else")
}

func TestARunWithoutSensitivityIsNoEvidence(t *testing.T) {
	ten := &tenancy.Tenancy{FailOn: tenancy.High}
	control := ideal(probes.Reached)
	eachRound(&control, func(s *Seen) { s.Arrivals.Certain = 1 })

	all := func(controls []Case, cases ...Case) ([]Result, Sensitivity) {
		j := NewJudging(ten, noon)
		var results []Result
		for i, c := range cases { // each in a part of its own; the controls are the last one's
			results = slices.AppendSeq(results, j.Part(slices.Values([]Case{c}), controls[:len(controls)*((i+1)/len(cases))]))
		}
		for i := range results {
			j.Sensitivity().Hold(&results[i])
		}
		return results, j.Sensitivity()
	}
	results, sensitivity := all([]Case{control}, ideal(probes.Dropped), ideal(probes.Dropped))
	assert.Equal(t, Isolated, results[1].Verdict)
	assert.Equal(t, Isolated, results[0].Verdict)
	assert.Equal(t, Sensitivity{Controls: 1, Reached: 1}, sensitivity)

	half := ideal(probes.Reached)
	half.Rounds[0].Arrivals.Certain = 1
	for name, bad := range map[string]Case{
		"dropped": ideal(probes.Dropped), "without a receipt": ideal(probes.Reached), "with one in one round": half,
	} {
		results, sensitivity = all([]Case{bad}, ideal(probes.Dropped))
		assert.Equal(t, Inconclusive, results[0].Verdict, name)
		assert.Zero(t, sensitivity.Reached, name)
	}
	results, _ = all(nil, ideal(probes.Dropped), ideal(probes.Reached))
	assert.Equal(t, Inconclusive, results[0].Verdict, "no controls at all")
	assert.Equal(t, Leak, results[1].Verdict, "a leak needs no proof of sensitivity")
}

func TestExitCodes(t *testing.T) {
	result := func(v Verdict, fails bool) Result { return Result{Verdict: v, Fails: fails} }
	for name, tc := range map[string]struct {
		results []Result
		exit    int
	}{
		"all hold":                {[]Result{result(Isolated, false), result(Allowed, false), result(Unreached, false)}, 0},
		"skipped and excepted":    {[]Result{result(Skipped, false), result(Excepted, false)}, 0},
		"all skipped":             {[]Result{result(Skipped, false), result(Skipped, false)}, 3},
		"leak below threshold":    {[]Result{result(Leak, false)}, 0},
		"leak":                    {[]Result{result(Isolated, false), result(Leak, true)}, 1},
		"broken":                  {[]Result{result(Broken, true)}, 1},
		"inconclusive":            {[]Result{result(Inconclusive, false)}, 3},
		"leak beats inconclusive": {[]Result{result(Inconclusive, false), result(Leak, true)}, 1},
	} {
		assert.Equal(t, tc.exit, Summarise(List(tc.results), noon).Exit, name)
	}
	s := Summarise(List{result(Isolated, false)}, noon)
	s.LeftOut("filters")
	assert.True(t, s.Partial)
	assert.Zero(t, s.Exit, "the user asked for less")
	s.Unfinished("interrupted")
	assert.Equal(t, 3, s.Exit)
	s = Summarise(List{result(Leak, true)}, noon)
	s.Unfinished("interrupted")
	assert.Equal(t, 1, s.Exit)
}
