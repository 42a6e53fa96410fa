package runner

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Cluster is the one cluster that a run works on.
type Cluster struct {
	Client   kubernetes.Interface
	Metadata metadata.Interface
	Config   *rest.Config
	Context  string // the kubeconfig context's name
}

// NewCluster makes a client of a configuration. Its rate limits suit a run,
// whose calls grow with the number of namespaces.
func NewCluster(config *rest.Config, name string) (*Cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 200, 400
	config.WarningHandlerWithContext = warnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for context %s: %w", name, err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for context %s: %w", name, err)
	}
	return &Cluster{Client: client, Metadata: meta, Config: config, Context: name}, nil
}

// Identity is the user that the cluster takes the runner for.
func (c *Cluster) Identity(ctx context.Context) (string, error) {
	review, err := c.Client.AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("asking the cluster who this is: %w", err)
	}
	return review.Status.UserInfo.Username, nil
}

// apiAddress is the cluster IP of the API server's own Service, empty where the
// runner may not read it.
func (c *Cluster) apiAddress(ctx context.Context) string {
	s, err := c.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, "kubernetes", metav1.GetOptions{})
	if err != nil {
		return ""
	}
	return s.Spec.ClusterIP
}

// Version is the cluster's Kubernetes version.
func (c *Cluster) Version() (string, error) {
	v, err := c.Client.Discovery().ServerVersion()
	if err != nil {
		return "", fmt.Errorf("asking the cluster for its version: %w", err)
	}
	return v.GitVersion, nil
}
