package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBothMakeTheSameAttempts(t *testing.T) {
	t.Parallel()
	c := benchCase{Tenants: []string{"a", "b", "c"}, Work: workFour}
	type attempt struct {
		from, to, do string
		port         int
	}
	var ours, peers []attempt
	plan, err := c.plan(c.tenancy())
	require.NoError(t, err)
	for a := range plan.All() {
		ours = append(ours, attempt{a.From.Namespace, a.To.Namespace, string(a.Do), a.Port.Number})
	}
	for _, b := range (&baseline{}).tries(c.Tenants) {
		peers = append(peers, attempt{b.from, b.to, string(b.do), b.port})
	}
	assert.Len(t, ours, 3*2*4)
	assert.ElementsMatch(t, ours, peers)
}

func TestCallsAreCountedByVerbAndResource(t *testing.T) {
	t.Parallel()
	c := newCounter()
	for _, call := range []struct{ method, url string }{
		{"GET", "/api/v1/namespaces/a/pods?watch=true"},
		{"GET", "/api/v1/namespaces/a/pods?limit=5"},
		{"POST", "/apis/batch/v1/namespaces/a/jobs"},
		{"DELETE", "/apis/batch/v1/namespaces/b/jobs/x"},
		{"GET", "/api/v1/namespaces/a/pods/x/exec"},
		{"GET", "/apis"},
	} {
		u, err := url.Parse(call.url)
		require.NoError(t, err)
		c.count(&http.Request{Method: call.method, URL: u})
	}
	assert.Equal(t, map[string]int{"watch pods": 1, "get pods": 1, "post jobs": 1, "delete jobs": 1, "get discovery": 1}, c.calls)
	assert.Equal(t, 1, c.execs)
}

func TestRegressions(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{
		"REGRESSION a: 4.0 times faster than the baseline, and 10.0 on record",
		"b: 6.0 times faster than the baseline, 10.0 on record",
		"c: 3.0 times faster than the baseline; nothing is on record",
	}, regressions(map[string]float64{"a": 10, "b": 10, "gone": 1}, map[string]float64{"a": 4, "b": 6, "c": 3}))
}

func TestARegressionAgainstTheRecordIsReported(t *testing.T) {
	t.Parallel()
	measured := func(seconds float64) *measuring {
		c := benchCase{Kind: kindLab, Tenants: []string{"a", "b"}, Work: workFour, Wall: closed}
		base := c
		base.Kind = kindBaseline
		return &measuring{rows: []row{{base, figures{Reckoned: 100}}, {c, figures{Probing: seconds}}}}
	}
	path := filepath.Join(t.TempDir(), "recorded.json")
	compared := func(seconds float64, record bool) string {
		m := measured(seconds)
		m.recorded, m.record = path, record
		var out strings.Builder
		require.NoError(t, m.compare(&out))
		return out.String()
	}
	assert.Equal(t, "no ratios are on record; -record writes them\n", compared(2, false))
	assert.Empty(t, compared(2, true))
	assert.Equal(t, "lab/four/2/closed: 40.0 times faster than the baseline, 50.0 on record\n", compared(2.5, false))
	assert.Equal(t, "REGRESSION lab/four/2/closed: 20.0 times faster than the baseline, and 50.0 on record\n", compared(5, false))
}

func TestASimulationTriesTheFirstPartsOfAPlan(t *testing.T) {
	t.Parallel()
	c := benchCase{Work: workFour}
	for i := range 120 {
		c.Tenants = append(c.Tenants, fmt.Sprintf("t%03d", i))
	}
	plan, err := c.plan(c.tenancy())
	require.NoError(t, err)
	whole := slices.Collect(c.parts(plan))
	require.Greater(t, len(whole), 2)
	c.Parts = 2
	assert.Equal(t, whole[:2], slices.Collect(c.parts(plan)))
}

func TestSizes(t *testing.T) {
	t.Parallel()
	var sizes []int
	require.NoError(t, parseSizes("3,10", &sizes))
	assert.Equal(t, []int{3, 10}, sizes)
	require.NoError(t, parseSizes("", &sizes), "none leaves a part out")
	require.ErrorContains(t, parseSizes("1", &sizes), "at least two make a pair")
}
