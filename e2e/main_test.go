package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vladimirvivien/gexe"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/e2e-framework/klient"
	"sigs.k8s.io/e2e-framework/klient/decoder"

	"github.com/partywall/partywall/manifests"
)

const (
	runnerNamespace = "partywall"
	runnerAccount   = "partywall-runner"
	contextName     = "e2e"
)

// lab is the cluster under test, as its admin sees it, and the kubeconfig of
// the shipped roles.
var lab struct {
	admin      kubernetes.Interface
	config     *rest.Config // the admin's
	klient     klient.Client
	runner     *rest.Config
	kubeconfig string // the runner's
	binary     string
	netns      string // the network namespace of the lab's outside
}

func TestMain(m *testing.M) {
	os.Exit(inLab(m))
}

func inLab(m *testing.M) int {
	if os.Getenv("PARTYWALL_E2E") == "" {
		fmt.Println("e2e: not run, since PARTYWALL_E2E is not set; `make test` sets it")
		return 0
	}
	root, err := filepath.Abs("..")
	check(err)
	name := labName()
	down, err := ensureLab(root, name)
	check(err)
	defer down()
	lab.binary = filepath.Join(root, "bin", "partywall")
	dir, err := os.MkdirTemp("", "partywall-e2e")
	check(err)
	defer os.RemoveAll(dir)
	check(connect(root, name, dir))
	defer removeRoles()
	return m.Run()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// ensureLab brings the lab up where it is not, and says how to leave it as it
// was found.
func ensureLab(root, name string) (func(), error) {
	g := gexe.New()
	// Only a lab that is up has a kubeconfig.
	wasUp := g.RunProc(filepath.Join(root, "bin", "lab")+" kubeconfig --name "+name).ExitCode() == 0
	p := g.RunProc("make -s -C " + root + " build lab-up LAB=" + name)
	if p.Err() != nil || p.ExitCode() != 0 {
		return nil, fmt.Errorf("bringing the lab up: %w: %s", p.Err(), p.Result())
	}
	if wasUp {
		return func() {}, nil
	}
	return func() { fmt.Println(g.Run("make -s -C " + root + " lab-down LAB=" + name)) }, nil
}

// connect makes the admin's clients, and a kubeconfig for the shipped roles.
func connect(root, name, dir string) error {
	path := gexe.New().Run(filepath.Join(root, "bin", "lab") + " kubeconfig --name " + name)
	config, err := clientcmd.BuildConfigFromFlags("", strings.TrimSpace(path))
	if err != nil {
		return err
	}
	lab.netns = filepath.Join(filepath.Dir(strings.TrimSpace(path)), "netns", "outer")
	config.QPS, config.Burst = 100, 200
	lab.config = config
	if lab.admin, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if lab.klient, err = klient.New(config); err != nil {
		return err
	}
	ctx := context.Background()
	for _, path := range roles {
		if err := apply(ctx, path, ""); err != nil {
			return err
		}
	}
	seconds := int64(3 * 3600)
	token, err := lab.admin.CoreV1().ServiceAccounts(runnerNamespace).CreateToken(ctx, runnerAccount,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	lab.runner = rest.AnonymousClientConfig(config)
	lab.runner.BearerToken = token.Status.Token
	lab.kubeconfig = filepath.Join(dir, "kubeconfig")
	return writeKubeconfig(lab.kubeconfig, lab.runner, lab.runner.Host)
}

// writeKubeconfig writes a kubeconfig of one context that reaches the cluster
// at an address of choice.
func writeKubeconfig(path string, c *rest.Config, server string) error {
	k := clientcmdapi.NewConfig()
	k.Clusters[contextName] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: c.CAData}
	k.AuthInfos[contextName] = &clientcmdapi.AuthInfo{Token: c.BearerToken}
	k.Contexts[contextName] = &clientcmdapi.Context{Cluster: contextName, AuthInfo: contextName}
	k.CurrentContext = contextName
	return clientcmd.WriteToFile(*k, path)
}

// apply creates the objects of an embedded manifest, in a namespace of choice
// where they name none; what is there already stays.
func apply(ctx context.Context, path, namespace string) error {
	f, err := manifests.Files.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	create := decoder.CreateIgnoreAlreadyExists(lab.klient.Resources())
	if namespace == "" {
		return decoder.DecodeEach(ctx, f, create)
	}
	return decoder.DecodeEach(ctx, f, create, decoder.MutateNamespace(namespace))
}

// removeRoles leaves the lab as it was found.
func removeRoles() {
	for _, path := range roles {
		f, err := manifests.Files.Open(path)
		check(err)
		check(decoder.DecodeEach(context.Background(), f, decoder.DeleteHandler(lab.klient.Resources())))
		_ = f.Close()
	}
}

// roles are the account of the runner and what it may be bound to.
var roles = []string{"roles/runner.yaml", "roles/shadows.yaml", "roles/admission.yaml"}

func gone(err error) bool { return apierrors.IsNotFound(err) }
