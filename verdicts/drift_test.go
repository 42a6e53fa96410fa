package verdicts

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

var night = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// nights are two runs of one tenancy, a day apart.
func nights(before, now List) (*Record, *Record) {
	header := func(run string, days int) Header {
		return Header{
			Run: run, Tenancy: "prod", Context: "staging", Started: night.AddDate(0, 0, days), FailOn: "high", Version: "0.1.0", Server: "v1.37.2", Identity: "ci",
			Tenants: []TenantRow{{Name: "acme", Namespaces: []string{"web"}}, {Name: "globex", Namespaces: []string{"api", "db"}}},
		}
	}
	a := &Record{Header: header("aaaa", 0), Results: before}
	b := &Record{Header: header("bbbb", 1), Results: now}
	a.Summary, b.Summary = Summarise(before, night), Summarise(now, night)
	return a, b
}

func compared(t *testing.T, before, now List) *Drift {
	t.Helper()
	d, err := Compare(nights(before, now))
	require.NoError(t, err)
	return d
}

// cell is a result of acme's on globex, changed by the others.
func cell(v Verdict, change ...func(*Result)) Result {
	r := Result{
		ID: "network/udp/acme.web->globex.api/target-0/pod-ip:9053/same-node/bare", Suite: "network", Check: "udp",
		From: Side{Tenant: "acme", Namespace: "web"}, To: Side{Tenant: "globex", Namespace: "api"}, Placement: suites.SameNode,
		Expect: suites.Denied, Verdict: v, Outcome: probes.Dropped, Grade: TwoSided, Severity: "high", Why: "why",
	}
	r.Fails = v == Leak || v == Broken
	for _, f := range change {
		f(&r)
	}
	return r
}

func noted(r *Result)    { r.Severity, r.Fails = "low", false }
func declared(r *Result) { r.Expect = suites.Allowed }

func TestWhatBecomesOfAnAttempt(t *testing.T) {
	severity := func(s string) func(*Result) { return func(r *Result) { r.Severity = s } }
	outcome := func(o probes.Outcome) func(*Result) { return func(r *Result) { r.Outcome = o } }
	oneSided := func(r *Result) { r.Grade = OneSided }
	accepted := func(owner string) func(*Result) {
		return func(r *Result) { r.Exception = &Exception{Owner: owner, Expires: "2027-01-31"} }
	}
	caused := func(why string) func(*Result) { return func(r *Result) { r.Cause = why } }
	absent := cell("")
	const none = ChangeKind("")
	for name, tc := range map[string]struct {
		before, now Result
		kind        ChangeKind
		regression  bool
	}{
		"nothing":                              {cell(Isolated), cell(Isolated), none, false},
		"a wall falls":                         {cell(Isolated), cell(Leak), NewlyLeaking, true},
		"a one-sided wall falls":               {cell(Unreached), cell(Leak), NewlyLeaking, true},
		"a wall falls a little":                {cell(Isolated), cell(Leak, noted), NewlyLeaking, false},
		"a wall falls, and is accepted":        {cell(Isolated), cell(Excepted, accepted("net")), NewlyLeaking, false},
		"nobody knew, and it leaks":            {cell(Inconclusive), cell(Leak), NewlyLeaking, true},
		"it was skipped, and leaks":            {cell(Skipped), cell(Leak), NewlyLeaking, true},
		"it was not there, and leaks":          {absent, cell(Leak), NewlyLeaking, true},
		"it was not there, and leaks a little": {absent, cell(Leak, noted), NewlyLeaking, false},
		"a known leak":                         {cell(Leak), cell(Leak), none, false},
		"a known leak by another way":          {cell(Leak), cell(Leak, outcome(probes.Received)), Changed, false},
		"a known leak by another hole":         {cell(Leak, caused("a")), cell(Leak, caused("b")), Changed, false},
		"a known leak by the same hole":        {cell(Leak, caused("a")), cell(Leak, caused("a")), none, false},
		"a known leak whose cause is told now": {cell(Leak), cell(Leak, caused("a")), none, false},
		"a known leak whose cause is not told": {cell(Leak, caused("a")), cell(Leak), none, false},
		"a known leak got worse":               {cell(Leak), cell(Leak, severity("critical")), NewlyLeaking, true},
		"a known leak got less bad":            {cell(Leak, severity("critical")), cell(Leak), Changed, false},
		"of a severity that nobody knows":      {cell(Leak), cell(Leak, severity("dreadful")), NewlyLeaking, true},
		"a noted leak fails now":               {cell(Leak, noted), cell(Leak), NewlyLeaking, true},
		"a failing leak is only noted":         {cell(Leak), cell(Leak, noted), Changed, false},
		"an exception ended":                   {cell(Excepted, accepted("net")), cell(Leak), NewlyLeaking, true},
		"a leak is accepted":                   {cell(Leak), cell(Excepted, accepted("net")), Changed, false},
		"accepted by somebody else":            {cell(Excepted, accepted("net")), cell(Excepted, accepted("sec")), Changed, false},
		"what was blocked leaks":               {cell(Broken, declared), cell(Leak), NewlyLeaking, true},
		"a crossing breaks":                    {cell(Allowed, declared), cell(Broken, declared), NewlyBroken, true},
		"a crossing is new, and broken":        {absent, cell(Broken, declared), NewlyBroken, true},
		"a known break":                        {cell(Broken, declared), cell(Broken, declared), none, false},
		"a known break by another way":         {cell(Broken, declared), cell(Broken, declared, outcome(probes.Refused)), Changed, false},
		"a leak is broken now":                 {cell(Leak), cell(Broken, declared), NewlyBroken, true},
		"evidence is gone":                     {cell(Isolated), cell(Inconclusive), NewlyUntested, true},
		"it is skipped":                        {cell(Unreached), cell(Skipped), NewlyUntested, true},
		"it is not there":                      {cell(Allowed), absent, NewlyUntested, true},
		"a leak is not seen any more":          {cell(Leak), cell(Inconclusive), NewlyUntested, true},
		"an accepted leak is not seen":         {cell(Excepted), absent, NewlyUntested, true},
		"a verdict that nobody knows":          {cell(Isolated), cell("perfect"), NewlyUntested, true},
		"skipped at last":                      {cell(Inconclusive), cell(Skipped), Changed, false},
		"without evidence, and gone":           {cell(Inconclusive), absent, Changed, false},
		"a leak is closed":                     {cell(Leak), cell(Isolated), NewlyIsolated, false},
		"an accepted leak is closed":           {cell(Excepted), cell(Unreached), NewlyIsolated, false},
		"a crossing works again":               {cell(Broken, declared), cell(Allowed, declared), NewlyIsolated, false},
		"proven at last":                       {cell(Inconclusive), cell(Isolated), NewlyIsolated, false},
		"a leak is declared, not closed":       {cell(Leak), cell(Allowed, declared), Changed, false},
		"a wall is opened by the file":         {cell(Isolated), cell(Allowed, declared), Changed, false},
		"a wall has less evidence":             {cell(Isolated), cell(Unreached, oneSided), Changed, false},
		"a wall by other means":                {cell(Isolated), cell(Isolated, outcome(probes.Refused)), Changed, false},
		"what its leak would be":               {cell(Isolated), cell(Isolated, severity("critical")), none, false},
		"new, and isolated":                    {absent, cell(Isolated), NewlyPlanned, false},
		"new, and without evidence":            {absent, cell(Inconclusive), NewlyPlanned, false},
	} {
		t.Run(name, func(t *testing.T) {
			var before, now List
			if tc.before.Verdict != "" {
				before = List{tc.before}
			}
			if tc.now.Verdict != "" {
				now = List{tc.now}
			}
			d := compared(t, before, now)
			if tc.kind == none {
				assert.Empty(t, d.Changes)
				assert.Equal(t, 1, d.Totals.Same)
				return
			}
			require.Len(t, d.Changes, 1)
			assert.Equal(t, tc.kind, d.Changes[0].Kind)
			assert.Equal(t, tc.regression, d.Changes[0].Regression)
			assert.Equal(t, map[ChangeKind]int{tc.kind: 1}, d.Totals.Kinds)
			if tc.regression {
				assert.Equal(t, ExitFail, d.Exit())
			}
		})
	}
}

func TestTheExitCodeByRegressionsIsNeverGreenWithoutEvidence(t *testing.T) {
	leak := cell(Leak)
	for name, tc := range map[string]struct {
		before, now List
		incomplete  bool
		want        int
	}{
		"nothing at all":                      {List{cell(Isolated)}, List{cell(Isolated)}, false, ExitPass},
		"a known leak":                        {List{leak}, List{leak}, false, ExitPass},
		"a known leak in a run with no end":   {List{leak}, List{leak}, true, ExitInconclusive},
		"a new leak":                          {List{cell(Isolated)}, List{leak}, false, ExitFail},
		"a new leak in a run with no end":     {List{cell(Isolated)}, List{leak}, true, ExitFail},
		"without evidence then and now":       {List{cell(Inconclusive)}, List{cell(Inconclusive)}, false, ExitInconclusive},
		"a new attempt without evidence":      {nil, List{cell(Inconclusive)}, false, ExitInconclusive},
		"a verdict that nobody knows, twice":  {List{cell("perfect")}, List{cell("perfect")}, false, ExitInconclusive},
		"all of it skipped":                   {List{cell(Skipped)}, List{cell(Skipped)}, false, ExitInconclusive},
		"evidence is gone":                    {List{cell(Isolated)}, List{cell(Inconclusive)}, false, ExitFail},
		"a known leak of which nobody knows":  {List{leak}, List{cell(Inconclusive)}, false, ExitFail},
		"nothing is known of the earlier one": {nil, List{leak}, false, ExitFail},
	} {
		t.Run(name, func(t *testing.T) {
			before, now := nights(tc.before, tc.now)
			if tc.incomplete {
				now.Summary.Unfinished("interrupted")
			}
			d, err := Compare(before, now)
			require.NoError(t, err)
			assert.Equal(t, tc.want, d.Exit())
		})
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	as := func(id string, v Verdict, severity string) Result {
		return cell(v, func(r *Result) { r.ID, r.Severity = id, severity })
	}
	d := compared(t,
		List{as("a", Isolated, "low"), as("b", Isolated, "high"), as("c", Isolated, "high"), as("d", Leak, "low"), as("e", Leak, "critical"), as("f", Isolated, "low"), as("h", Isolated, "high")},
		List{as("a", Leak, "low"), as("b", Leak, "critical"), as("c", Leak, "high"), as("d", Isolated, "low"), as("e", Isolated, "critical"), as("f", Inconclusive, "low"),
			as("g", Isolated, "high"), cell(Leak, noted, func(r *Result) { r.ID, r.Severity = "h", "critical" })})
	var got []string
	for _, c := range d.Changes {
		got = append(got, c.ID)
	}
	assert.Equal(t, []string{"b", "c", "a", "h", "f", "e", "d", "g"}, got)
	assert.Equal(t, 4, d.Totals.Regressions)
	assert.Equal(t, map[ChangeKind]int{NewlyLeaking: 4, NewlyUntested: 1, NewlyIsolated: 2, NewlyPlanned: 1}, d.Totals.Kinds)
}

func TestWhatFlagsLeftOutIsNotUntested(t *testing.T) {
	tcp := cell(Isolated, func(r *Result) { r.ID, r.Check = "network/tcp/x", "tcp" })
	before, now := nights(List{cell(Isolated), tcp}, nil)
	now.Header.Filters = []string{"--check=udp"}
	d, err := Compare(before, now)
	require.NoError(t, err)
	require.Len(t, d.Changes, 1, "what the flags ask for is missed all the same")
	assert.Equal(t, "udp", d.Changes[0].Check)
	assert.Equal(t, 1, d.Totals.LeftOut)

	now.Header.Filters = []string{"--sample=5", "--seed=1"}
	d, err = Compare(before, now)
	require.NoError(t, err)
	assert.Empty(t, d.Changes)
	assert.Equal(t, 2, d.Totals.LeftOut)

	now.Header.Filters = []string{"--layer=mesh"}
	_, err = Compare(before, now)
	assert.EqualError(t, err, `run bbbb: the filter "--layer=mesh" is none that this version knows`)
}

func TestWhyAResultIsGone(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Record)
		want   string
	}{
		"nobody says":     {func(*Record) {}, "the later run has no result of it: it was not in its plan"},
		"the tenant left": {func(r *Record) { r.Header.Tenants = r.Header.Tenants[:1] }, "the later run has no tenant globex"},
		"its namespace":   {func(r *Record) { r.Header.Tenants[1].Namespaces = []string{"db"} }, "in the later run globex has no namespace api"},
		"the run had an end": {func(r *Record) { r.Summary.Unfinished("the run was interrupted") },
			"the later run has no result of it, and is incomplete: the run was interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			before, now := nights(List{cell(Isolated)}, nil)
			tc.change(now)
			d, err := Compare(before, now)
			require.NoError(t, err)
			require.Len(t, d.Changes, 1)
			assert.Equal(t, tc.want, d.Changes[0].Why)
		})
	}
}

func TestRunsThatShouldNotBeHeldAgainstEachOther(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(before, now *Header)
		want   []string
	}{
		"two nights":      {func(_, _ *Header) {}, nil},
		"another tenancy": {func(_, now *Header) { now.Tenancy = "dev" }, []string{`the tenancy was "prod" and is "dev"`}},
		"another context": {func(_, now *Header) { now.Context = "live" }, []string{`the context was "staging" and is "live"`}},
		"the same file":   {func(before, now *Header) { *now = *before }, []string{"both are of the run aaaa: nothing can differ"}},
		"the wrong way round": {func(before, now *Header) { before.Started, now.Started = now.Started, before.Started },
			[]string{"the one that is held to be earlier was started later: are the two the wrong way round?"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, now := nights(nil, nil)
			tc.change(&before.Header, &now.Header)
			d, err := Compare(before, now)
			require.NoError(t, err)
			assert.Equal(t, tc.want, d.Apart)
		})
	}
}

func TestWhatToKnowBeforehand(t *testing.T) {
	before, now := nights(nil, nil)
	d, err := Compare(before, now)
	require.NoError(t, err)
	assert.Empty(t, d.Notes)

	before.Header.Filters = []string{"--check=udp"}
	before.Summary.Unfinished("the run was interrupted")
	now.Summary.Unfinished("3 results could not be written down")
	now.Header.FailOn, now.Header.Version, now.Header.Server, now.Header.Identity = "critical", "0.2.0", "v1.38.0", "me"
	d, err = Compare(before, now)
	require.NoError(t, err)
	assert.Equal(t, []string{
		`failOn was "high" and is "critical"`,
		`the version of Partywall was "0.1.0" and is "0.2.0"`,
		`the version of Kubernetes was "v1.37.2" and is "v1.38.0"`,
		`the identity of the runner was "ci" and is "me"`,
		"the earlier run was narrowed by --check=udp: what it left out is new here",
		"the earlier run is incomplete (the run was interrupted): what it lacks is new here",
		"the later run is incomplete: 3 results could not be written down",
	}, d.Notes)

	before, now = nights(nil, nil)
	before.Header.Filters, now.Header.Filters = []string{"--check=udp"}, []string{"--check=udp"}
	d, err = Compare(before, now)
	require.NoError(t, err)
	assert.Empty(t, d.Notes, "both were narrowed alike")
}

func TestAResultThatIsThereTwiceIsNoRuns(t *testing.T) {
	for _, lists := range [][2]List{{{cell(Leak), cell(Isolated)}, nil}, {nil, {cell(Leak), cell(Isolated)}}, {{cell(Isolated)}, {cell(Leak), cell(Isolated)}}} {
		_, err := Compare(nights(lists[0], lists[1]))
		assert.ErrorContains(t, err, cell(Leak).ID+" is there twice; no run writes that")
	}
}

// torn is results that cannot all be read.
type torn struct{ List }

func (torn) Err() error { return errors.New("the disk is gone") }

func TestResultsThatCannotBeReadAreNoDrift(t *testing.T) {
	before, now := nights(List{cell(Isolated)}, List{cell(Isolated)})
	now.Results = torn{}
	_, err := Compare(before, now)
	require.EqualError(t, err, "the disk is gone")
	before.Results = torn{}
	_, err = Compare(before, now)
	require.EqualError(t, err, "the disk is gone")
}

// generated is results that nobody holds in memory.
type generated struct {
	n int
	v Verdict
}

func (g generated) Len() int { return g.n }
func (generated) Err() error { return nil }
func (g generated) All() iter.Seq[*Result] {
	return func(yield func(*Result) bool) {
		for i := range g.n {
			r := cell(g.v, func(r *Result) {
				r.ID = fmt.Sprintf("network/udp/team-%03d.web->team-%03d.api/target-0/service-name:9053/cross-node/bare", i/500, i%500)
				r.From.Tenant, r.To.Tenant = fmt.Sprintf("team-%03d", i/500), fmt.Sprintf("team-%03d", i%500)
				r.Evidence.Rounds = make([]Round, 2)
			})
			if !yield(&r) {
				return
			}
		}
	}
}

// BenchmarkDrift holds two runs of 500 tenants against each other.
func BenchmarkDrift(b *testing.B) {
	for name, later := range map[string]Verdict{"the same": Isolated, "all of it": Leak} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				before, now := nights(nil, nil)
				before.Results, now.Results = generated{250_000, Isolated}, generated{250_000, later}
				past, err := Remember(before)
				require.NoError(b, err)
				_, err = past.Against(now)
				require.NoError(b, err)
			}
		})
	}
}
