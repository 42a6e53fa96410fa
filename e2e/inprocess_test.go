package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// inProcess runs the world without the binary, so that a test can stand
// between the steps.
func (w *world) inProcess(ctx context.Context, config *rest.Config, adjust func(*runner.Options)) ([]verdicts.Result, *runner.Evidence) {
	w.t.Helper()
	cluster, err := runner.NewCluster(config, contextName)
	require.NoError(w.t, err)
	file, err := tenancy.Load(w.file())
	require.NoError(w.t, err)
	found, err := tenancy.Discover(ctx, cluster.Client, file, contextName)
	require.NoError(w.t, err)
	options := runner.Options{
		Image: probeImage, Deadline: 3500 * time.Millisecond, DeployTimeout: 2 * time.Minute,
		MaxDuration: time.Hour, Rate: 500, Progress: hook{t: w.t},
	}
	adjust(&options)
	if w.id == "" {
		w.id = runner.NewID()
	}
	attempts := network.Suite{}.Plan(found)
	evidence, err := runner.Run(ctx, cluster, found, w.id, attempts, options)
	require.NoError(w.t, err)
	results, _, _ := verdicts.All(evidence.Cases, evidence.Controls, found, time.Now())
	return results, evidence
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
