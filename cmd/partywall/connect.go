package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/partywall/partywall/runner"
)

// nowhere is where client-go looks when nothing tells it where the cluster is.
const nowhere = "http://localhost:8080"

// connect finds the cluster as kubectl does. The context is that of the
// kubeconfig, and empty where the cluster was found without one.
func connect(flags *genericclioptions.ConfigFlags) (cluster *runner.Cluster, context string, err error) {
	raw, err := flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, "", fmt.Errorf("reading the kubeconfig: %w%s", err, contexts(raw))
	}
	context = raw.CurrentContext
	if *flags.Context != "" {
		context = *flags.Context
	}
	name := context
	switch {
	case context != "":
	case *flags.APIServer != "":
		name = *flags.APIServer
	case config.Host == nowhere && len(raw.Contexts) > 0:
		return nil, "", fmt.Errorf("the kubeconfig names no current context; choose one with --context%s", contexts(raw))
	case config.Host == nowhere:
		return nil, "", errors.New("no cluster: there is no kubeconfig; name one with --kubeconfig or the variable KUBECONFIG")
	default:
		name = "in-cluster"
	}
	cluster, err = runner.NewCluster(config, name)
	return cluster, context, err
}

// contexts lists what there is to choose from.
func contexts(raw clientcmdapi.Config) string {
	if len(raw.Contexts) == 0 {
		return ""
	}
	return "; there is: " + strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ")
}

// unanswered is an error of the cluster's, with what to do about it.
func unanswered(cluster *runner.Cluster, err error) error {
	var transport *url.Error
	switch {
	case apierrors.IsUnauthorized(err):
		err = fmt.Errorf("%w; the cluster refuses the credentials of %s: log in anew", err, cluster.Context)
	case errors.As(err, &transport):
		err = fmt.Errorf("%w; is the cluster %s up at %s, and is it the one that was meant? --context and --kubeconfig choose another",
			err, cluster.Context, cluster.Config.Host)
	}
	return cannotRun(err)
}
