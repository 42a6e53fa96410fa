package reports

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/partywall/partywall/verdicts"
)

// statementOf reads a statement as in-toto's own library does, which knows no
// field but the standard's.
func statementOf(t *testing.T, rec *verdicts.Record) (*intoto.Statement, *testresult.TestResult) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, InToto{}.Write(&b, rec))
	assert.True(t, InToto{}.Wrote(bytes.NewReader(b.Bytes())))
	var s intoto.Statement
	require.NoError(t, protojson.Unmarshal(b.Bytes(), &s), b.String())
	require.NoError(t, s.Validate())
	predicate, err := protojson.Marshal(s.GetPredicate())
	require.NoError(t, err)
	var result testresult.TestResult
	require.NoError(t, protojson.Unmarshal(predicate, &result), string(predicate))
	for _, c := range result.GetConfiguration() {
		require.NoError(t, c.Validate())
	}
	return &s, &result
}

func TestAStatementIsAboutTheRecord(t *testing.T) {
	rec := fakeRun(3)
	s, result := statementOf(t, rec)
	assert.Equal(t, intoto.StatementTypeUri, s.GetType())
	assert.Equal(t, "https://in-toto.io/attestation/test-result/v0.1", s.GetPredicateType())
	var record bytes.Buffer
	require.NoError(t, JSON{}.Write(&record, rec))
	sum := sha256.Sum256(record.Bytes())
	assert.Equal(t, map[string]string{"sha256": hex.EncodeToString(sum[:])}, s.GetSubject()[0].GetDigest())
	assert.Equal(t, "FAILED", result.GetResult())
}

func TestATestOfAStatementIsACheckByItsWorst(t *testing.T) {
	of := func(check string, v verdicts.Verdict, fails bool) verdicts.Result {
		return verdicts.Result{Suite: "network", Check: check, Verdict: v, Fails: fails}
	}
	rec := &verdicts.Record{Results: verdicts.List{
		of("tcp", verdicts.Isolated, false), of("tcp", verdicts.Leak, true), of("tcp", verdicts.Inconclusive, false),
		of("udp", verdicts.Isolated, false), of("udp", verdicts.Inconclusive, false),
		of("http", verdicts.Isolated, false), of("http", verdicts.Skipped, false),
		of("icmp", verdicts.Leak, false), of("h2c", verdicts.Broken, true), of("tls", verdicts.Excepted, false),
		of("sctp", verdicts.Skipped, false),
	}}
	_, result := statementOf(t, rec)
	assert.Equal(t, []string{"network/http"}, result.GetPassedTests())
	assert.Equal(t, []string{"network/icmp", "network/tls", "network/udp"}, result.GetWarnedTests())
	assert.Equal(t, []string{"network/h2c", "network/tcp"}, result.GetFailedTests())
}

func TestARunThatIsNotWholeHasNotPassed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		summary verdicts.Summary
		want    string
	}{
		{"whole", verdicts.Summary{}, "PASSED"},
		{"a part", verdicts.Summary{Partial: true}, "WARNED"},
		{"without evidence", verdicts.Summary{Exit: 3}, "WARNED"},
		{"leaks", verdicts.Summary{Exit: 1, Failures: 1}, "FAILED"},
		{"known leaks, and nothing worse than before", verdicts.Summary{Failures: 1}, "FAILED"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, result := statementOf(t, &verdicts.Record{Results: verdicts.List(nil), Summary: tc.summary})
			assert.Equal(t, tc.want, result.GetResult())
		})
	}
}

func TestHostileStringsInAStatement(t *testing.T) {
	rec := fakeRun(2)
	rec.Header.Tenancy, rec.Header.Context = "\x1b[31m\u202e", "\xff\x00"
	s, _ := statementOf(t, rec)
	assert.NotContains(t, s.String(), "\x1b")
	assert.NotContains(t, s.String(), "\u202e")
	assert.False(t, InToto{}.Wrote(bytes.NewReader([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicate":{"configuration":[{"name":"theirs"}]}}`))))
}
