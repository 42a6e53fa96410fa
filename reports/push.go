package reports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/partywall/partywall/verdicts"
)

// Gateway is a Prometheus Pushgateway.
type Gateway struct {
	url            url.URL // without its user
	user, password string
}

const (
	pushJob     = "partywall"
	pushTimeout = 30 * time.Second
)

// ParseGateway reads an address such as https://user:password@push.example:9091.
func ParseGateway(s string) (*Gateway, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL") // what err says may have a password in it, as what was given may
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("it is no address of a Pushgateway: want http(s)://[USER:PASSWORD@]HOST[:PORT][/PATH]")
	}
	g := &Gateway{}
	if u.User != nil {
		g.user = u.User.Username()
		g.password, _ = u.User.Password()
	}
	u.User = nil
	g.url = *u
	return g, nil
}

// String is its address, without who pushes.
func (g *Gateway) String() string { return g.url.String() }

// Push puts the metrics of a run, the same as the prometheus format has, in the
// place of those that an earlier run of the same tenancy on the same context
// left there: they are the group of job "partywall" and of an instance that names
// both.
func (g *Gateway) Push(ctx context.Context, rec *verdicts.Record) error {
	var text bytes.Buffer
	if err := (Prometheus{}).Write(&text, rec); err != nil {
		return err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		return err
	}
	p := push.New(g.url.String(), pushJob).
		Grouping("instance", word(rec.Header.Context)+"/"+word(rec.Header.Tenancy)).
		Gatherer(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			names := slices.Sorted(maps.Keys(families))
			all := make([]*dto.MetricFamily, len(names))
			for i, name := range names {
				all[i] = families[name]
			}
			return all, nil
		})).
		Format(expfmt.NewFormat(expfmt.TypeTextPlain)).
		Client(&http.Client{Timeout: pushTimeout})
	if g.user != "" || g.password != "" {
		p = p.BasicAuth(g.user, g.password)
	}
	if err := p.PushContext(ctx); err != nil {
		return fmt.Errorf("pushing metrics to %s: %s", g, Harmless(err.Error()))
	}
	return nil
}
