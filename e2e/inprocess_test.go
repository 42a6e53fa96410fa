package e2e

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
	"github.com/partywall/partywall/workloads"
)

// inProcess runs the world without the binary, so that a test can stand
// between the steps.
func (w *world) inProcess(ctx context.Context, config *rest.Config, adjust func(*runner.Options)) ([]verdicts.Result, *runner.Outcome) {
	w.t.Helper()
	cluster, found := w.discover(ctx, config)
	return w.runOn(ctx, cluster, found, adjust)
}

func (w *world) discover(ctx context.Context, config *rest.Config) (*runner.Cluster, *tenancy.Tenancy) {
	w.t.Helper()
	cluster, err := runner.NewCluster(config, contextName)
	require.NoError(w.t, err)
	file, err := tenancy.Load(w.file())
	require.NoError(w.t, err)
	found, err := tenancy.Discover(ctx, cluster.Client, file, contextName)
	require.NoError(w.t, err)
	shadows := slices.Clone(found.Shadows)
	for i := range shadows {
		shadows[i].Identity, err = workloads.Identify(ctx, cluster.Client, shadows[i])
		require.NoError(w.t, err)
	}
	found.Cast(shadows)
	if w.registry != nil { // of which the network's suite, which tests have else, wants none
		tenancy.Observe(ctx, cluster.Client, found, tenancy.Observing{})
	}
	return cluster, found
}

func (w *world) runOn(
	ctx context.Context, cluster *runner.Cluster, found *tenancy.Tenancy, adjust func(*runner.Options),
) ([]verdicts.Result, *runner.Outcome) {
	w.t.Helper()
	options := runner.Options{
		Image: probeImage, Deadline: 3500 * time.Millisecond, DeployTimeout: 2 * time.Minute,
		MaxDuration: time.Hour, Rate: 500, Progress: hook{t: w.t},
	}
	adjust(&options)
	if w.id == "" {
		w.id = runner.NewID()
	}
	selection := suites.Selection{}
	if w.address != "" {
		selection.Only = []string{"*/" + string(w.address) + ":*"}
	}
	registry := w.registry
	if registry == nil {
		registry = suites.Registry{network.Suite{NodePorts: w.nodePorts}}
	}
	plan, err := selection.Plan(registry, found)
	require.NoError(w.t, err)
	judging := verdicts.NewJudging(found, time.Now())
	var results []verdicts.Result
	outcome, err := runner.Run(ctx, cluster, found, w.id, plan.Parts(), func(cases iter.Seq[verdicts.Case], controls []verdicts.Case) {
		results = slices.AppendSeq(results, judging.Part(cases, controls))
	}, options)
	require.NoError(w.t, err)
	w.sensitivity = judging.Sensitivity()
	for i := range results {
		w.sensitivity.Hold(&results[i])
	}
	return results, outcome
}

// hook is a progress that lets a test act when a phase begins.
type hook struct {
	t     *testing.T
	phase string // how the phase's name begins
	do    func()
}

func (h hook) Phase(name string) {
	h.t.Log(name)
	if h.do != nil && strings.HasPrefix(name, h.phase) {
		h.do()
	}
}

func (h hook) Note(text string) { h.t.Log(text) }
