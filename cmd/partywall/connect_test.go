package main

import (
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/tenancy"
)

func TestAClustersErrorSaysWhatToDo(t *testing.T) {
	cluster := &runner.Cluster{Context: "staging", Config: &rest.Config{Host: "https://10.0.0.1"}}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"credentials", fmt.Errorf("listing: %w", apierrors.NewUnauthorized("expired")),
			"listing: expired; the cluster refuses the credentials of staging: log in anew"},
		{"no answer", &url.Error{Op: "Get", URL: "https://10.0.0.1/x", Err: errors.New("refused")},
			`Get "https://10.0.0.1/x": refused; is the cluster staging up at https://10.0.0.1, and is it the one that was meant? --context and --kubeconfig choose another`},
		{"anything else", errors.New("nothing can be tested"), "nothing can be tested"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var e *exit
			require.ErrorAs(t, unanswered(cluster, tt.err), &e)
			assert.Equal(t, exitCannotRun, e.code)
			assert.Equal(t, tt.want, e.Error())
		})
	}

	bad := tenancy.Errors{{Message: "bad"}}
	assert.Equal(t, error(bad), unanswered(cluster, bad), "the file's fault is not the cluster's")
}
