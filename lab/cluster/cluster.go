package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/partywall/partywall/lab/cgroups"
	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/outside"
	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
)

// startLimit bounds the whole start.
const startLimit = 4 * time.Minute

// Cluster is a lab's cluster as its supervisor sees it.
type Cluster struct {
	lab     state.Lab
	profile state.Profile
	family  *processes.Family
	// archives are the image archives that every node gets.
	archives []string
	// progress says what has been reached.
	progress func(string)
	// stop ends everything, for a reason.
	stop context.CancelCauseFunc

	mu     sync.Mutex
	record state.Record
}

// New prepares a cluster. stop is called when one of its components ends.
func New(lab state.Lab, profile state.Profile, family *processes.Family, archives []string, progress func(string), stop context.CancelCauseFunc) *Cluster {
	return &Cluster{
		lab: lab, profile: profile, family: family, archives: archives, progress: progress, stop: stop,
		record: state.Record{Profile: profile},
	}
}

// Start brings the cluster up and returns once it is ready to use. The context
// is the cluster's life, not only that of the start.
func (c *Cluster) Start(ctx context.Context) error {
	starting, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("the lab was not ready within %s", startLimit))
	defer cancel()
	if err := c.prepare(ctx, starting); err != nil {
		return cause(starting, err)
	}
	if err := c.startComponents(starting); err != nil {
		return cause(starting, err)
	}
	return c.update(func(record *state.Record) { record.Ready = true })
}

// NoteEnd writes down why the cluster has ended.
func (c *Cluster) NoteEnd(reason error) error {
	return c.update(func(record *state.Record) { record.Ended = reason.Error() })
}

// prepare makes all that the components stand on.
func (c *Cluster) prepare(life, starting context.Context) error {
	self, err := processes.Identify(os.Getpid())
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("finding a free loopback port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := c.update(func(record *state.Record) {
		record.Supervisor, record.Port, record.DualStack = self, port, c.lab.DualStack
	}); err != nil {
		return err
	}
	if err := c.joinCgroups(); err != nil {
		return err
	}
	if err := network.Create(starting, c.family, c.lab, outside.Addresses()); err != nil {
		return err
	}
	if err := outside.Serve(life, c.lab); err != nil {
		return err
	}
	go network.ForwardAPI(life, c.lab, listener)
	if err := writeCredentials(c.lab, port); err != nil {
		return err
	}
	return c.writeNodes()
}

// joinCgroups makes the lab's cgroups and moves this process into one, so that
// every descendant is found there whatever becomes of its parents.
func (c *Cluster) joinCgroups() error {
	own := c.lab.ID() + "/control"
	if err := cgroups.Create(own); err != nil {
		return err
	}
	for _, node := range c.lab.Nodes() {
		if err := cgroups.Create(node.Cgroup); err != nil {
			return err
		}
	}
	return cgroups.Join(own)
}

func (c *Cluster) writeNodes() error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("finding runc (install the Debian package runc): %w", err)
	}
	for _, node := range c.lab.Nodes() {
		if err := writeConfiguration(c.lab, node, runc); err != nil {
			return err
		}
	}
	return nil
}

// startComponents starts the control plane and, at the same time, of each node
// what needs no API server.
func (c *Cluster) startComponents(life context.Context) error {
	group, ctx := errgroup.WithContext(life)
	api := make(chan struct{})
	var config *rest.Config
	group.Go(func() (err error) {
		config, err = c.startControlPlane(ctx)
		if err == nil {
			close(api)
		}
		return err
	})
	for _, node := range c.lab.Nodes() {
		group.Go(func() error {
			holder, err := c.startRuntime(ctx, node)
			if err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-api:
			}
			return c.startNode(ctx, node, holder)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.awaitReady(life, config)
}

// startControlPlane returns once the API server is ready and knows the objects
// that the nodes start from.
func (c *Cluster) startControlPlane(ctx context.Context) (*rest.Config, error) {
	if err := c.launch("etcd", nil, c.inOuter("etcd", etcdArguments(c.lab))...); err != nil {
		return nil, err
	}
	if err := c.launch("kube-apiserver", nil, c.inOuter("kube-apiserver", apiserverArguments(c.lab))...); err != nil {
		return nil, err
	}
	config, err := Config(c.lab)
	if err != nil {
		return nil, err
	}
	if err := awaitAPI(ctx, config); err != nil {
		return nil, err
	}
	c.progress("API server is ready")
	if err := c.launch("kube-controller-manager", nil, c.inOuter("kube-controller-manager", controllerManagerArguments(c.lab))...); err != nil {
		return nil, err
	}
	if err := c.launch("kube-scheduler", nil, c.inOuter("kube-scheduler", schedulerArguments(c.lab))...); err != nil {
		return nil, err
	}
	return config, c.createObjects(ctx, config)
}

// Config leads a client into the lab.
func Config(lab state.Lab) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", lab.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %s: %w", lab.Kubeconfig(), err)
	}
	config.QPS = -1
	return config, nil
}

// update changes the lab's record, in memory and on disk.
func (c *Cluster) update(change func(*state.Record)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.record)
	return c.lab.Save(c.record)
}

func (c *Cluster) recordComponent(name string, identity processes.Identity) error {
	return c.update(func(record *state.Record) {
		if record.Components == nil {
			record.Components = map[string]processes.Identity{}
		}
		record.Components[name] = identity
	})
}
