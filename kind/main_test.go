package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

// TestTheConfigIsKinds reads the file by kind's own types. That a cluster comes
// of it takes Docker to see.
func TestTheConfigIsKinds(t *testing.T) {
	text, err := os.ReadFile("../kind-config.yaml")
	require.NoError(t, err)
	var config v1alpha4.Cluster
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&config))
	assert.Equal(t, v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"}, config.TypeMeta)
	var roles []v1alpha4.NodeRole
	for _, n := range config.Nodes {
		roles = append(roles, n.Role)
	}
	assert.Equal(t, []v1alpha4.NodeRole{v1alpha4.ControlPlaneRole, v1alpha4.WorkerRole, v1alpha4.WorkerRole}, roles, "two nodes for probes")
	assert.False(t, config.Networking.DisableDefaultCNI, "it is what enforces policies")
}

// fakeCluster writes down what it is asked for.
type fakeCluster struct {
	kubeconfig string
	fails      string // the call that does
	asked      []string
}

func (f *fakeCluster) did(call string, args ...string) error {
	f.asked = append(f.asked, append([]string{call}, args...)...)
	if f.fails == call {
		return errors.New(call + " failed")
	}
	return nil
}

func (f *fakeCluster) CreateWithConfig(_ context.Context, config string) (string, error) {
	return f.kubeconfig, f.did("create", config)
}

func (f *fakeCluster) LoadImageArchive(_ context.Context, archive string, _ ...string) error {
	return f.did("load", archive)
}

func (f *fakeCluster) Destroy(context.Context) error { return f.did("destroy") }

func TestRun(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		fails string
		asked []string
		want  string // of the error
	}{
		{"up", []string{"up", "c.yaml", "i.tar"}, "", []string{"create", "c.yaml", "load", "i.tar"}, ""},
		{"no Docker", []string{"up", "c.yaml", "i.tar"}, "create", []string{"create", "c.yaml"}, "create failed"},
		{"no image", []string{"up", "c.yaml", "i.tar"}, "load", []string{"create", "c.yaml", "load", "i.tar"}, "load failed"},
		{"down", []string{"down"}, "", []string{"destroy"}, ""},
		{"nothing", nil, "", nil, "usage: up CONFIG ARCHIVE, or down"},
		{"too little", []string{"up"}, "", nil, "usage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeCluster{kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), fails: tt.fails}
			require.NoError(t, os.WriteFile(f.kubeconfig, nil, 0o600))
			err := run(t.Context(), f, tt.args)
			assert.Equal(t, tt.asked, f.asked)
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			if tt.args[0] == "up" {
				assert.NoFileExists(t, f.kubeconfig)
			}
		})
	}
}
