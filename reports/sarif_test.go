package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// schemaOf reads a schema for a validator that is not ours.
func schemaOf(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("schema.json", schema))
	compiled, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	return compiled
}

func assertValid(t *testing.T, schema *jsonschema.Schema, file []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
	require.NoError(t, err)
	assert.NoError(t, schema.Validate(value))
}

func sarifSchemaFile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/sarif-schema-2.1.0.json")
	require.NoError(t, err)
	return schemaOf(t, text)
}

func sarifOf(t *testing.T, rec *verdicts.Record) sarifRun {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, SARIF{}.Write(&b, rec))
	assertValid(t, sarifSchemaFile(t), b.Bytes())
	assert.NotContains(t, b.String(), `:""`, "GitHub takes no empty strings")
	assert.True(t, SARIF{}.Wrote(bytes.NewReader(b.Bytes())))
	var log sarifLog
	require.NoError(t, json.Unmarshal(b.Bytes(), &log))
	require.Len(t, log.Runs, 1)
	return log.Runs[0]
}

func TestSARIFIsValid(t *testing.T) {
	for name, rec := range map[string]*verdicts.Record{
		"three tenants":  fakeRun(3),
		"twelve tenants": fakeRun(12),
		"nothing at all": {Results: verdicts.List{}},
		"partial":        {Results: verdicts.List{}, Summary: verdicts.Summary{Partial: true, NotRun: []string{"globex has no room for a pod"}}},
	} {
		t.Run(name, func(t *testing.T) { sarifOf(t, rec) })
	}
}

func TestSARIFHasAResultAWall(t *testing.T) {
	rec := fakeRun(5)
	rec.Header.File = &verdicts.File{Path: "./deploy/tenancy file.yaml", Line: 4}
	rec.Header.Tenants[1].Line = 9
	for i := range 3 { // the hole in globex's wall lets in more than acme
		r := fakeResult("umbrella", "globex", "tcp", 100+i)
		leaks(&r)
		rec.Results = append(list(rec), r)
	}
	run := sarifOf(t, rec)
	require.NotEmpty(t, run.Results)
	first := run.Results[0]
	assert.Equal(t, "network/tcp", first.Rule)
	assert.Equal(t, first.Rule, run.Tool.Driver.Rules[first.RuleIndex].ID)
	assert.Equal(t, "error", first.Level)
	assert.Equal(t, map[string]int{"LEAK": 9}, first.Properties.Attempts)
	assert.Contains(t, first.Message.Text, "acme reached globex over TCP: the genuine target answered\nAttempts from or to 2 sources: 9 leak\nRemedy: in namespace web")
	assert.Equal(t, []sarifLocation{{
		&sarifPhysical{sarifArtifact{"deploy/tenancy%20file.yaml"}, sarifRegion{9}},
		[]sarifLogical{{"globex", "tenant"}},
	}}, first.Locations)
	byLevel := map[string][]string{}
	for _, r := range run.Results {
		byLevel[r.Level] = append(byLevel[r.Level], r.Rule+" "+r.Locations[0].Logical[0].Name)
	}
	assert.Contains(t, byLevel["error"], "network/http acme", "the crossing is broken, which outweighs what is only noted")
	assert.Equal(t, []string{"network/udp acme"}, byLevel["warning"], "inconclusive")
	assert.Equal(t, 4, run.Results[1].Locations[0].Physical.Region.Line, "acme is not listed")
	assert.Equal(t, "partywall/kind-staging/7c1f9a", run.Automation.ID)
	assert.True(t, run.Invocations[0].Successful)
	assert.Equal(t, 1, run.Invocations[0].Exit)
}

func TestSARIFLevels(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*verdicts.Result)
		level  string
	}{
		"leak":        {leaks, "error"},
		"broken":      {func(r *verdicts.Result) { r.Verdict, r.Fails = verdicts.Broken, true }, "error"},
		"no proof":    {func(r *verdicts.Result) { r.Verdict = verdicts.Inconclusive }, "warning"},
		"medium leak": {func(r *verdicts.Result) { leaks(r); r.Fails, r.Severity = false, "medium" }, "warning"},
		"low leak":    {func(r *verdicts.Result) { leaks(r); r.Fails, r.Severity = false, "low" }, "note"},
		"excepted":    {func(r *verdicts.Result) { r.Verdict = verdicts.Excepted }, "note"},
	} {
		t.Run(name, func(t *testing.T) {
			r := fakeResult("acme", "globex", "tcp", 0)
			c.change(&r)
			run := sarifOf(t, &verdicts.Record{Results: verdicts.List{r}})
			require.Len(t, run.Results, 1)
			assert.Equal(t, c.level, run.Results[0].Level)
			assert.Nil(t, run.Results[0].Locations[0].Physical, "without a tenancy file there is no line to name")
			assert.Equal(t, name == "excepted", len(run.Results[0].Suppressions) > 0)
		})
	}
	for _, v := range []verdicts.Verdict{verdicts.Isolated, verdicts.Unreached, verdicts.Allowed, verdicts.Skipped} {
		r := fakeResult("acme", "globex", "tcp", 0)
		r.Verdict = v
		assert.Empty(t, sarifOf(t, &verdicts.Record{Results: verdicts.List{r}}).Results, v)
	}
}

func TestSARIFSaysWhoAcceptedWhat(t *testing.T) {
	r := fakeResult("acme", "globex", "tcp", 0)
	r.Verdict, r.Why = verdicts.Excepted, "it answered"
	r.Exception = &verdicts.Exception{Owner: "network-team", Reason: "Q2", Expires: "2027-03-31"}
	got := sarifOf(t, &verdicts.Record{Results: verdicts.List{r}}).Results[0]
	assert.Equal(t, []sarifSuppression{{"external", "accepted", "accepted by network-team until 2027-03-31: Q2 (it answered)"}}, got.Suppressions)
}

// A wall keeps its fingerprint whatever becomes of it, and no two share one.
func TestSARIFFingerprints(t *testing.T) {
	r := fakeResult("acme", "globex", "tcp", 0)
	leaks(&r)
	hash := func(r verdicts.Result) string {
		return sarifOf(t, &verdicts.Record{Results: verdicts.List{r}}).Results[0].Fingerprints["primaryLocationLineHash"]
	}
	later := r
	later.Verdict, later.From.Tenant, later.ID, later.Fails = verdicts.Inconclusive, "umbrella", "other", false
	assert.Equal(t, hash(r), hash(later))
	seen := map[string]bool{}
	for _, result := range sarifOf(t, fakeRun(12)).Results {
		assert.False(t, seen[result.Fingerprints["primaryLocationLineHash"]])
		seen[result.Fingerprints["primaryLocationLineHash"]] = true
	}
	out := r
	out.Out, out.To.Tenant = true, "internet"
	elsewhere := out
	elsewhere.From.Tenant = "umbrella"
	assert.NotEqual(t, hash(out), hash(elsewhere), "on a way out the wall is the source's")
}

func TestSARIFOfARunThatIsNotWholeIsNotSuccessful(t *testing.T) {
	path := filepath.Join(t.TempDir(), "partywall.sarif")
	require.NoError(t, Begin([]Spec{{SARIF{}, path}}, fakeRun(3).Header))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assertValid(t, sarifSchemaFile(t), text)
	var log sarifLog
	require.NoError(t, json.Unmarshal(text, &log))
	assert.False(t, log.Runs[0].Invocations[0].Successful)
	assert.Equal(t, "Not run: this run has not finished", log.Runs[0].Invocations[0].Notifications[0].Message.Text)
}

func TestSARIFIsBounded(t *testing.T) {
	rec := &verdicts.Record{Results: verdicts.List{}}
	for i := range mostSARIF + 10 {
		r := fakeResult("acme", fmt.Sprint("tenant-", i), "tcp", 0)
		leaks(&r)
		r.Fails = i == mostSARIF+9
		rec.Results = append(list(rec), r)
	}
	run := sarifOf(t, rec)
	require.Len(t, run.Results, mostSARIF)
	assert.Equal(t, "error", run.Results[0].Level, "the worst comes first")
	assert.Equal(t, "10 results of less weight left out; results.json has them all", run.Invocations[0].Notifications[0].Message.Text)
}

func TestSARIFPlaces(t *testing.T) {
	for path, want := range map[string]string{
		"tenancy.yaml": "tenancy.yaml", "./a/../b.yaml": "b.yaml", "/etc/t.yaml": "file:///etc/t.yaml", "a:b.yaml": "./a:b.yaml", "<stdin>": "", "": "",
	} {
		assert.Equal(t, want, placesOf(verdicts.Header{File: &verdicts.File{Path: path}}).uri, path)
	}
}

func TestSARIFOfHostileStrings(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			run := sarifOf(t, hostileRecord(s))
			for _, r := range run.Results {
				text := strings.ReplaceAll(r.Message.Text, "\n", "")
				assert.Equal(t, Harmless(text), text)
			}
		})
	}
	r := fakeResult("acme", "globex", "tcp", 0)
	leaks(&r)
	r.Why = "[click](http://evil)"
	assert.Contains(t, sarifOf(t, &verdicts.Record{Results: verdicts.List{r}}).Results[0].Message.Text, `\[click\](http://evil)`)
}
