package reports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

// metricsOf reads the file by the parser that the node_exporter reads it by.
func metricsOf(t *testing.T, rec *verdicts.Record) map[string]*dto.MetricFamily {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Prometheus{}.Write(&b, rec))
	problems, err := promlint.New(bytes.NewReader(b.Bytes())).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(&b)
	require.NoError(t, err)
	assertUnique(t, families)
	return families
}

// assertUnique looks for two samples of one name, of which a collector takes
// neither.
func assertUnique(t *testing.T, families map[string]*dto.MetricFamily) {
	t.Helper()
	for name, f := range families {
		seen := map[string]bool{}
		for _, m := range f.Metric {
			key := fmt.Sprint(m.Label)
			assert.False(t, seen[key], "%s %s", name, key)
			seen[key] = true
			assert.Nil(t, m.TimestampMs, "the textfile collector takes none")
		}
	}
}

// values are those of a metric, by its labels beside those of all.
func values(f *dto.MetricFamily) map[string]float64 {
	all := map[string]float64{}
	for _, m := range f.GetMetric() {
		key := ""
		for _, l := range m.Label {
			if l.GetName() != "context" && l.GetName() != "tenancy" {
				key += l.GetName() + "=" + l.GetValue() + " "
			}
		}
		all[key] = m.GetGauge().GetValue()
	}
	return all
}

func TestPrometheusCounts(t *testing.T) {
	rec := fakeRun(5)
	rec.Header.Planned = 400
	got := metricsOf(t, rec)
	for name, want := range map[string]float64{
		"run_exit_code": 1, "run_finished": 1, "run_partial": 0, "run_incomplete": 0, "run_failures": 8, "run_planned": 400,
		"run_judged": float64(rec.Results.Len()), "run_controls": 144, "run_controls_reached": 144, "run_tenants": 5,
		"run_started_timestamp_seconds": 1795489200, "run_finished_timestamp_seconds": 1795489260, "leaks_left_out": 0,
	} {
		assert.Equal(t, map[string]float64{"": want}, values(got["partywall_"+name]), name)
	}
	assert.Equal(t, map[string]float64{"version=0.1.0 server=v1.37.2 fail_on=high ": 1}, values(got["partywall_run_info"]))
	assert.Equal(t, map[string]float64{
		"from=acme to=globex severity=high fails=true ":  6,
		"from=initech to=acme severity=low fails=false ": 1,
	}, values(got["partywall_leaks"]))
	results := values(got["partywall_results"])
	for _, v := range everyVerdict {
		assert.InDelta(t, rec.Summary.Counts[v], results["suite=network verdict="+string(v)+" "], 0, v)
	}
	assert.Len(t, results, len(everyVerdict))
}

func TestPrometheusOfARunThatIsUnderWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "partywall.prom")
	require.NoError(t, Begin([]Spec{{Prometheus{}, path}}, fakeRun(3).Header))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	got, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"": 3}, values(got["partywall_run_exit_code"]))
	assert.Equal(t, map[string]float64{"": 0}, values(got["partywall_run_finished"]))
	assert.NotContains(t, got, "partywall_run_finished_timestamp_seconds")
}

func TestPrometheusStaysSmall(t *testing.T) {
	rec := &verdicts.Record{Results: verdicts.List{}}
	for i := range 500 {
		r := fakeResult(fmt.Sprint("tenant-", i), "globex", "tcp", 0)
		leaks(&r)
		r.Fails = i == 499
		rec.Results = append(list(rec), r)
	}
	got := metricsOf(t, rec)
	leaks := values(got["partywall_leaks"])
	assert.Len(t, leaks, mostLeakingPairs)
	assert.Contains(t, leaks, "from=tenant-499 to=globex severity=high fails=true ", "the worst are told")
	assert.Equal(t, map[string]float64{"": 300}, values(got["partywall_leaks_left_out"]))
}

func TestPrometheusOfHostileStrings(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, f := range metricsOf(t, hostileRecord(s)) {
				for _, m := range f.Metric {
					for _, l := range m.Label {
						assert.Equal(t, Harmless(l.GetValue()), l.GetValue())
					}
				}
			}
		})
	}
}

func FuzzPrometheus(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { metricsOf(t, hostileRecord(s)) })
}
