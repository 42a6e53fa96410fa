package cluster

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
)

const (
	ciliumHealthPort = "9879"
	proxyHealthPort  = "10256"
	// pollEvery is how often something that cannot be watched is asked.
	pollEvery = 100 * time.Millisecond
)

// startRuntime makes a node's namespaces, starts its containerd and brings the
// images in. It returns the process that holds the namespaces.
func (c *Cluster) startRuntime(ctx context.Context, node state.Node) (holder int, err error) {
	holder, err = c.hold(ctx, node)
	if err != nil {
		return 0, err
	}
	arguments := c.inNode(holder, "containerd", []string{"--config", node.Dir + "/containerd.toml"})
	if err := c.launch("containerd-"+node.Name, nil, arguments...); err != nil {
		return 0, err
	}
	if err := awaitSocket(ctx, images.Socket(holder)); err != nil {
		return 0, fmt.Errorf("waiting for containerd of %s: %w", node.Name, err)
	}
	store := images.Store{Ctr: c.lab.Bin("ctr"), Socket: images.Socket(holder), Family: c.family}
	for _, archive := range c.archives {
		if _, err := store.Sync(ctx, archive); err != nil {
			return 0, fmt.Errorf("importing %s into %s: %w", archive, node.Name, err)
		}
	}
	c.progress(node.Name + ": containerd is ready, images are in")
	return holder, nil
}

// hold starts the process that keeps a node's mount namespace, and waits until
// it has mounted what belongs there.
func (c *Cluster) hold(ctx context.Context, node state.Node) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("finding the lab's own binary: %w", err)
	}
	name := "holder-" + node.Name
	log, err := os.Create(c.lab.Log(name))
	if err != nil {
		return 0, fmt.Errorf("opening the log of %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command("nsenter", "--net="+node.Netns, "unshare", "--mount", "--propagation", "slave", self, "hold", "--name", c.lab.Name)
	cmd.Stderr = log
	ready, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.family.Start(cmd); err != nil {
		return 0, err
	}
	lines := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(ready).ReadString('\n')
		lines <- err
	}()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case err := <-lines:
		if err != nil {
			return 0, &ComponentError{Name: name, Log: Tail(c.lab.Log(name)), err: c.family.Wait(cmd)}
		}
	}
	go func() {
		err := c.family.Wait(cmd)
		c.stop(&ComponentError{Name: name, Log: Tail(c.lab.Log(name)), err: err})
	}()
	identity, err := processes.Identify(cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	return identity.PID, c.recordComponent(name, identity)
}

// startNode starts what needs the API server and returns once pods can run.
func (c *Cluster) startNode(ctx context.Context, node state.Node, holder int) error {
	start := []struct {
		name, binary string
		env, args    []string
	}{
		{"cilium-agent", "cilium-agent", []string{"K8S_NODE_NAME=" + node.Name}, ciliumArguments(c.lab, node)},
		{"kubelet", "kubelet", nil, kubeletArguments(c.lab, node)},
		{"kube-proxy", "kube-proxy", nil, []string{"--config=" + node.Dir + "/kube-proxy.yaml"}},
	}
	for _, component := range start {
		if err := c.launch(component.name+"-"+node.Name, component.env, c.inNode(holder, component.binary, component.args)...); err != nil {
			return err
		}
	}
	if err := awaitHealth(ctx, node, ciliumHealthPort); err != nil {
		return fmt.Errorf("waiting for Cilium of %s: %w", node.Name, err)
	}
	if err := writeCNI(node); err != nil {
		return err
	}
	if err := awaitHealth(ctx, node, proxyHealthPort); err != nil {
		return fmt.Errorf("waiting for kube-proxy of %s: %w", node.Name, err)
	}
	c.progress(node.Name + ": Cilium and kube-proxy are ready")
	return nil
}

// awaitSocket waits until somebody listens on a unix socket.
func awaitSocket(ctx context.Context, path string) error {
	return poll(ctx, func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// awaitHealth waits until a component of a node says that it is well.
func awaitHealth(ctx context.Context, node state.Node, port string) error {
	client := &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, proto, address string) (net.Conn, error) {
				return network.Dial(ctx, node.Netns, "tcp4", address)
			},
		},
	}
	return poll(ctx, func() bool { return isHealthy(ctx, client, "http://127.0.0.1:"+port+"/healthz") })
}

func isHealthy(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	// Cilium then answers by the status alone.
	request.Header.Set("brief", "true")
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// poll asks until the answer is yes or the context ends, which it always does.
func poll(ctx context.Context, ask func() bool) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for !ask() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return nil
}
