package reports

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseGateway(t *testing.T) {
	for _, s := range []string{"http://push:9091", "https://push.example/gateway", "https://me:secret@push.example:9091"} {
		_, err := ParseGateway(s)
		assert.NoError(t, err, s)
	}
	for _, s := range []string{"", "push:9091", "push.example", "ftp://push", "http://", "http://push?x=1", "http://push/#x", "http://me:secret@push:port", "/a/file", "me:secret@push.example:9091", "https://push?token=secret", "https://secret@push#x"} {
		_, err := ParseGateway(s)
		require.Error(t, err, s)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// What is pushed is what the file has, in a group of its tenancy and context.
func TestPush(t *testing.T) {
	var got []*http.Request
	var body []byte
	status := http.StatusOK
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r)
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "full\x1b[31m")
	}))
	defer gateway.Close()
	rec := fakeRun(3)
	rec.Header.Context, rec.Header.Tenancy = "kind-staging", "shop"
	g, err := ParseGateway(strings.Replace(gateway.URL, "http://", "http://me:secret@", 1) + "/behind/")
	require.NoError(t, err)
	require.NoError(t, g.Push(t.Context(), rec))
	require.Len(t, got, 1)
	assert.Equal(t, http.MethodPut, got[0].Method)
	assert.Equal(t, "/behind/metrics/job/partywall/instance@base64/a2luZC1zdGFnaW5nL3Nob3A", got[0].URL.Path)
	user, password, _ := got[0].BasicAuth()
	assert.Equal(t, "me secret", user+" "+password)
	var file bytes.Buffer
	require.NoError(t, Prometheus{}.Write(&file, rec))
	want, err := parseMetrics(file.Bytes())
	require.NoError(t, err)
	pushed, err := parseMetrics(body)
	require.NoError(t, err)
	assert.Equal(t, want, pushed)

	status = http.StatusInsufficientStorage
	err = g.Push(t.Context(), rec)
	require.ErrorContains(t, err, "507")
	assert.NotContains(t, err.Error(), "secret")
	assert.NotContains(t, err.Error(), "\x1b")
	gateway.Close()
	err = g.Push(t.Context(), rec)
	require.ErrorContains(t, err, "pushing metrics to http://127.0.0.1")
	assert.NotContains(t, err.Error(), "secret")
}

func parseMetrics(text []byte) (map[string]string, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	all := map[string]string{}
	for name, family := range families {
		for _, m := range family.Metric { // their order has no meaning
			slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
		}
		all[name] = family.String()
	}
	return all, err
}
