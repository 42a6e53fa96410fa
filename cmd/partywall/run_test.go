package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// pairSuite tries one thing by udp and one by tcp between all tenants.
type pairSuite struct{}

func (pairSuite) Name() string     { return "network" }
func (pairSuite) Checks() []string { return []string{"udp", "tcp"} }

func (pairSuite) Plan(_ *tenancy.Tenancy, part suites.Part) []suites.Attempt {
	var all []suites.Attempt
	for _, from := range part.From {
		for _, to := range part.To {
			for _, check := range []string{"udp", "tcp"} {
				if from.Name != to.Name {
					all = append(all, suites.Attempt{Suite: "network", Check: check, From: suites.Place{Tenant: from.Name}, To: suites.Place{Tenant: to.Name}})
				}
			}
		}
	}
	return all
}

// fakePlan is a plan of two attempts of four, or of all, on a cluster that
// knows who asks.
func fakePlan(checks ...string) *planned {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authenticationv1.SelfSubjectReview{Status: authenticationv1.SelfSubjectReviewStatus{
			UserInfo: authenticationv1.UserInfo{Username: "runner"},
		}}, nil
	})
	p := &planned{
		cluster: &runner.Cluster{Client: client, Context: "staging"}, context: "staging", file: &tenancy.File{},
		tenancy: &tenancy.Tenancy{
			Name: "prod", Path: "tenancy.yaml", Places: tenancy.Places{Tenants: 4, Tenant: map[string]int{"globex": 6}},
			Tenants: []tenancy.Tenant{{Name: "acme", Namespaces: []string{"acme-db", "acme-web"}}, {Name: "globex", Namespaces: []string{"globex-api"}}},
			Shared:  []tenancy.Shared{{Name: "audit"}}, FailOn: tenancy.High,
			Ignored: []string{"kube-system"}, Unclaimed: []string{"lost"}, Notes: []string{"noted"},
		},
	}
	var err error
	if p.plan, err = (suites.Selection{Checks: checks}).Plan(suites.Registry{pairSuite{}}, p.tenancy); err != nil {
		panic(err)
	}
	return p
}

// concluded is the record of a run that found nothing.
func concluded(o *running, p *planned, header verdicts.Header, outcome *runner.Outcome) *verdicts.Record {
	judging := verdicts.NewJudging(p.tenancy, time.Now())
	var results verdicts.List
	for a := range p.plan.All() {
		results = append(results, verdicts.Result{ID: a.ID(), Suite: a.Suite, Severity: "high", Verdict: verdicts.Isolated})
	}
	return o.conclude(p, header, results, judging, outcome)
}

func fakeRun(out, err *bytes.Buffer) *running {
	o := &running{target: target{app: &app{name: "partywall", streams: streams{out: out, err: err}, flags: kubectlFlags()}}}
	o.options.Image = defaultImage
	o.selection.Checks = []string{"udp"}
	return o
}

func TestHeaderSaysWhatWasRunWhereAndByWhom(t *testing.T) {
	h, err := fakeRun(nil, nil).header(context.Background(), fakePlan("udp"), "3f9a01c2", time.Now())
	require.NoError(t, err)
	assert.Regexp(t, "^[0-9a-f]{8}$", h.Run)
	assert.WithinDuration(t, time.Now(), h.Started, time.Minute)
	assert.NotEmpty(t, h.Server)
	h.Run, h.Started, h.Server = "", time.Time{}, ""
	assert.Equal(t, verdicts.Header{
		APIVersion: reports.APIVersion, Kind: reports.Kind, Version: version, Image: defaultImage,
		Tenancy: "prod", Context: "staging", Identity: "runner", FailOn: "high",
		Tenants:   []verdicts.TenantRow{{Name: "acme", Namespaces: []string{"acme-db", "acme-web"}}, {Name: "globex", Namespaces: []string{"globex-api"}, Line: 6}},
		File:      &verdicts.File{Path: "tenancy.yaml", Line: 4},
		Shared:    []string{"audit"},
		Ignored:   []string{"kube-system"},
		Unclaimed: []string{"lost"},
		Planned:   2, Filters: []string{"--check=udp"},
	}, h)
}

func TestJudgeSaysWhatIsMissing(t *testing.T) {
	o := fakeRun(nil, nil)
	header := verdicts.Header{Run: "3f9a01c2", Filters: []string{"--check=udp"}}
	rec := concluded(o, fakePlan("udp"), header, &runner.Outcome{Notes: []string{"seen"}, Left: []string{"Job a/b"}})
	assert.Contains(t, rec.Summary.Notes, "noted")
	assert.Contains(t, rec.Summary.Notes, "seen")
	assert.Contains(t, rec.Summary.Notes, "not cleaned up: Job a/b")
	assert.True(t, rec.Summary.Incomplete, "a namespace that nobody claims")
	assert.Equal(t, []string{
		"no tenant claims these namespaces, and the tenancy file does not ignore them: lost",
		"2 of 4 attempts were left out by --check=udp",
	}, rec.Summary.NotRun)

	p := fakePlan("udp")
	p.file = nil
	rec = concluded(o, p, header, &runner.Outcome{})
	assert.True(t, rec.Summary.Partial)
	assert.False(t, rec.Summary.Incomplete, "without a file nobody said whose the namespaces are, and flags were meant")

	unread := fakePlan()
	unread.file, unread.tenancy.Untried = nil, []string{"3 of the ports that tenant acme uses are not tried"}
	rec = concluded(o, unread, verdicts.Header{Run: "3f9a01c2"}, &runner.Outcome{})
	assert.True(t, rec.Summary.Partial)
	assert.Equal(t, verdicts.ExitPass, rec.Summary.Exit)
	assert.Equal(t, unread.tenancy.Untried, rec.Summary.NotRun)

	o.requireComplete, o.options.Keep = true, true
	rec = concluded(o, p, header, &runner.Outcome{})
	assert.True(t, rec.Summary.Incomplete)
	assert.Contains(t, rec.Summary.Notes, "the probes were kept; `partywall clean --run 3f9a01c2` removes them")

	o = fakeRun(nil, nil)
	p.plan = fakePlan().plan
	rec = concluded(o, p, verdicts.Header{}, &runner.Outcome{Interrupted: true})
	assert.Equal(t, []string{"the run was interrupted before its end"}, rec.Summary.NotRun)

	rec = concluded(o, p, verdicts.Header{}, &runner.Outcome{TooLate: 3})
	assert.Equal(t, []string{"3 arrivals at targets came after their attempts had been judged, so that a leak may be missing"}, rec.Summary.NotRun)
	assert.True(t, rec.Summary.Incomplete)

	rec = o.conclude(p, verdicts.Header{}, verdicts.List{{}}, verdicts.NewJudging(p.tenancy, time.Now()), &runner.Outcome{})
	assert.Equal(t, []string{"3 of 4 results could not be written down"}, rec.Summary.NotRun)
}

func TestJudgeSpeaksOfIdleExceptionsOnceTheRunIsWhole(t *testing.T) {
	const idle = `the exception "network/http/acne.*" of net matches nothing that was tried: mend its match, or remove it`
	p := fakePlan("udp")
	p.tenancy.Exceptions = []tenancy.Exception{{Match: "network/http/acne.*", Owner: "net", Expires: time.Now().AddDate(1, 0, 0)}}
	rec := concluded(fakeRun(nil, nil), p, verdicts.Header{}, &runner.Outcome{})
	require.True(t, rec.Summary.Partial)
	assert.NotContains(t, rec.Summary.Notes, idle)

	p.plan, p.tenancy.Unclaimed = fakePlan().plan, nil
	rec = concluded(fakeRun(nil, nil), p, verdicts.Header{}, &runner.Outcome{})
	require.False(t, rec.Summary.Partial)
	assert.Contains(t, rec.Summary.Notes, idle)
}

// finished runs the end of a run in a folder of its own.
func finished(t *testing.T, o *running, record *verdicts.Record, list ...string) error {
	t.Helper()
	t.Chdir(t.TempDir())
	specs, err := reports.ParseSpecs(list)
	require.NoError(t, err)
	spool, err := openSpool(specs, record.Header.Run, time.Now())
	require.NoError(t, err)
	defer func() { require.NoError(t, spool.Close()) }()
	require.NoError(t, begin(spool, specs, record.Header))
	return o.finish(context.Background(), specs, spool, record)
}

func fakeRecord(exit int) *verdicts.Record {
	return &verdicts.Record{
		Header:  verdicts.Header{Run: "3f9a01c2", Tenants: []verdicts.TenantRow{{Name: "acme"}, {Name: "globex"}}},
		Results: verdicts.List{},
		Summary: verdicts.Summary{Exit: exit},
	}
}

func TestFinishWritesEverythingAndEndsWithTheVerdict(t *testing.T) {
	var out, errs bytes.Buffer
	err := finished(t, fakeRun(&out, &errs), fakeRecord(3), "json=a/results.json", "junit=junit.xml")
	var e *exit
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 3, e.code)
	require.NoError(t, e.err)
	assert.Contains(t, out.String(), "acme")
	assert.Equal(t, "wrote a/results.json\nwrote junit.xml\n", errs.String())
	for _, path := range []string{"a/results.json", "a/results.jsonl"} {
		rec, err := reports.Read(path)
		require.NoError(t, err)
		assert.Equal(t, 3, rec.Summary.Exit, path)
	}

	require.NoError(t, finished(t, fakeRun(&out, &errs), fakeRecord(0), "json=results.json"))
}

func TestFinishIsNeverGreenWithoutItsReport(t *testing.T) {
	var out, errs bytes.Buffer
	o := fakeRun(&out, &errs)
	t.Chdir(t.TempDir())
	specs, err := reports.ParseSpecs([]string{"junit=junit.xml/"})
	require.NoError(t, err)
	require.NoError(t, os.Mkdir("junit.xml", 0o700))
	spool, err := reports.CreateSpool("results.jsonl")
	require.NoError(t, err)
	defer func() { require.NoError(t, spool.Close()) }()
	require.NoError(t, spool.Header(verdicts.Header{}))
	err = o.finish(context.Background(), specs, spool, fakeRecord(0))
	var e *exit
	require.ErrorAs(t, err, &e)
	assert.Equal(t, exitCannotRun, e.code)
	require.ErrorContains(t, e.err, "writing junit report junit.xml/")
	assert.Contains(t, out.String(), "acme", "people still see what came of it")
	assert.Empty(t, errs.String())
}

func TestAMatrixThatCannotBePrintedIsAnError(t *testing.T) {
	var errs bytes.Buffer
	o := fakeRun(nil, &errs)
	lost := errors.New("broken pipe")
	o.out = &output{err: lost}
	require.ErrorIs(t, finished(t, o, fakeRecord(0), "json=results.json"), lost)
}

func TestPeopleReadBesideAReportOnStandardOutput(t *testing.T) {
	var errs bytes.Buffer
	path := filepath.Join(t.TempDir(), "stdout")
	stdout, err := os.Create(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, stdout.Close()) }()
	o := fakeRun(nil, &errs)
	o.out = &output{w: stdout}
	assert.Same(t, o.err, o.people([]reports.Spec{{Format: reports.JSON{}, Path: path}}))
	assert.Same(t, o.out, o.people([]reports.Spec{{Format: reports.JSON{}, Path: path + ".json"}}))
}

func TestTheSpoolStandsBesideTheFirstJSONFile(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct {
		name string
		list []string
		want string
	}{
		{"no report", nil, "out/results.jsonl"},
		{"no JSON", []string{"junit=x/junit.xml"}, "out/results.jsonl"},
		{"one", []string{"junit=j.xml", "json=x/r.json"}, "x/r.jsonl"},
		{"two", []string{"json=x/r.json", "json=y/r.json"}, "x/r.jsonl"},
		{"standard output", []string{"json=/dev/stdout"}, "out/results.jsonl"},
		{"a descriptor", []string{"json=/dev/fd/3"}, "out/results.jsonl"},
		{"the same by its other name", []string{"json=/proc/self/fd/1"}, "out/results.jsonl"},
		{"nothing at all", []string{"json=/dev/null"}, "out/results.jsonl"},
		{"standard output and a file", []string{"json=/dev/stdout", "json=r.json"}, "r.jsonl"},
		{"memory", []string{"json=/dev/shm/r.json"}, "/dev/shm/r.jsonl"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			specs, err := reports.ParseSpecs(tt.list)
			require.NoError(t, err)
			assert.Equal(t, tt.want, spoolPath(specs))
		})
	}
}

// opened opens the spool of a run that never starts.
func opened(t *testing.T, specs []reports.Spec) {
	t.Helper()
	spool, err := openSpool(specs, "3f9a01c2", time.Now())
	require.NoError(t, err)
	require.NoError(t, spool.Close())
}

func TestARunThatNeverStartsLeavesNoOldReport(t *testing.T) {
	t.Chdir(t.TempDir())
	specs, err := reports.ParseSpecs([]string{"json=out/a/results.json", "junit=junit.xml"})
	require.NoError(t, err)
	opened(t, specs)
	assert.NoFileExists(t, "junit.xml", "where there is none, none is made")
	assert.NoDirExists(t, "out", "nor a folder")

	green := fakeRecord(0)
	green.Header.APIVersion, green.Header.Kind = reports.APIVersion, reports.Kind
	require.NoError(t, reports.WriteAll(specs, green))
	require.NoError(t, os.WriteFile("out/a/results.jsonl", []byte("{}\n"), 0o600))
	opened(t, specs)
	rec, err := reports.Read("out/a/results.json")
	require.NoError(t, err)
	assert.True(t, rec.Summary.Partial)
	assert.Equal(t, 3, rec.Summary.Exit)
	junit, err := os.ReadFile("junit.xml")
	require.NoError(t, err)
	assert.Contains(t, string(junit), "has not finished")
	assert.NoFileExists(t, "out/a/results.jsonl")
}

func TestARunWithoutARecordLeavesNoOldReport(t *testing.T) {
	t.Chdir(t.TempDir())
	specs, err := reports.ParseSpecs([]string{"json=results.json"})
	require.NoError(t, err)
	require.NoError(t, reports.WriteAll(specs, fakeRecord(0)))
	require.NoError(t, os.Mkdir("results.jsonl", 0o700))
	_, err = openSpool(specs, "3f9a01c2", time.Now())
	var e *exit
	require.ErrorAs(t, err, &e)
	assert.Equal(t, exitCannotRun, e.code)
	require.ErrorContains(t, err, "creating spool results.jsonl")
	rec, err := reports.Read("results.json")
	require.NoError(t, err)
	assert.Equal(t, 3, rec.Summary.Exit)
}

func TestASecondRunLeavesTheFirstOnesReportsAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	specs, err := reports.ParseSpecs([]string{"json=results.json"})
	require.NoError(t, err)
	first, err := openSpool(specs, "3f9a01c2", time.Now())
	require.NoError(t, err)
	require.NoError(t, begin(first, specs, verdicts.Header{Run: "3f9a01c2"}))

	_, err = openSpool(specs, "4e8b12d3", time.Now())
	require.EqualError(t, err, "--report: another run is under way and has its record in results.jsonl; wait for its end, or give this run another place with --report json=PATH")
	var e *exit
	assert.NotErrorAs(t, err, &e, "usage, and no run that failed")
	for _, path := range []string{"results.json", "results.jsonl"} {
		rec, err := reports.Read(path)
		require.NoError(t, err)
		assert.Equal(t, "3f9a01c2", rec.Header.Run, path)
	}
	require.NoError(t, first.Close())
	opened(t, specs)
}

func TestWhatARunReadsIsNoPlaceForItsReports(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("KUBECONFIG", "other:kube.json")
	for _, name := range []string{"mine.yaml", "mine.jsonl", "kube.json", "kube.jsonl", "named.yaml"} {
		require.NoError(t, os.WriteFile(name, nil, 0o600)) // which alone could be replaced
	}
	require.NoError(t, os.Symlink("kube.json", "link.json"))
	named := "named.yaml"
	for name, tc := range map[string]struct {
		file, report string
		kubeconfig   *string
		want         string
	}{
		"the tenancy file":       {"mine.yaml", "json=./mine.yaml", nil, "--report: ./mine.yaml is the tenancy file; give the json report another path"},
		"the record over it":     {"mine.jsonl", "json=mine.json", nil, "--report: the run's record is spooled to mine.jsonl, which is the tenancy file; give the json report another path"},
		"the kubeconfig":         {"", "junit=kube.json", nil, "--report: kube.json is the kubeconfig; give the junit report another path"},
		"by another name":        {"", "json=link.json", nil, "--report: link.json is the kubeconfig; give the json report another path"},
		"the one of the flag":    {"", "json=named.yaml", &named, "--report: named.yaml is the kubeconfig; give the json report another path"},
		"not the variable's now": {"", "json=kube.json", &named, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := fakeRun(nil, nil)
			o.file = tc.file
			if tc.kubeconfig != nil {
				o.flags.KubeConfig = tc.kubeconfig
			}
			specs, err := reports.ParseSpecs([]string{tc.report})
			require.NoError(t, err)
			err = o.checkPlaces(specs)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
}
