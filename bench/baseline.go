package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"

	"golang.org/x/sync/errgroup"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/probes"
)

// workers is how many attempts the baseline makes at a time, as peers do.
const workers = 15

// baseline works as all peers do: an exec for each attempt.
type baseline struct {
	config *rest.Config
	client kubernetes.Interface
	image  string
	key    probes.Key
	pods   map[string]*corev1.Pod // by namespace
}

// try is one attempt of the baseline.
type try struct {
	from, to string
	do       probes.Do
	port     int
}

func runBaseline(ctx context.Context, c benchCase) (*figures, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 500, 1000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	b := &baseline{config: config, client: client, image: c.Image, key: probes.NewKey(), pods: map[string]*corev1.Pod{}}
	defer b.remove(context.WithoutCancel(ctx), c.Tenants)
	if err := b.deploy(ctx, c.Tenants); err != nil {
		return nil, err
	}
	tries := b.tries(c.Tenants)
	f := &figures{Attempts: len(tries), Outcomes: map[string]int{}}
	if len(tries) > c.Sample {
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(tries), func(i, j int) { tries[i], tries[j] = tries[j], tries[i] })
		tries = tries[:c.Sample]
	}
	begun := time.Now()
	outcomes := make([]string, len(tries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i, t := range tries {
		group.Go(func() (err error) {
			outcomes[i], err = b.make(ctx, t, c.Deadline)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	f.Sampled, f.Execs, f.Probing = len(tries), len(tries), time.Since(begun).Seconds()
	f.Reckoned = f.Probing * float64(f.Attempts) / float64(f.Sampled)
	for _, o := range outcomes {
		f.Outcomes[o]++
	}
	f.PeakMB, f.CPU = peak("self"), cpuSeconds()
	return f, nil
}

func (b *baseline) tries(tenants []string) []try {
	var all []try
	for _, from := range tenants {
		for _, to := range tenants {
			if from == to {
				continue
			}
			all = append(all, try{from, to, probes.DoHTTP, probes.PortHTTP}, try{from, to, probes.DoTCP, probes.PortTCP},
				try{from, to, probes.DoUDP, probes.PortUDP}, try{from, to, probes.DoTCP, fourth.Number})
		}
	}
	return all
}

// make makes one attempt by an exec of its own.
func (b *baseline) make(ctx context.Context, t try, deadline time.Duration) (string, error) {
	nonce := probes.NewNonce()
	order := probes.Order{
		Do: t.do, ID: t.from + "->" + t.to, Nonce: nonce, Token: b.key.Token(nonce),
		Host: b.pods[t.to].Status.PodIP, Port: t.port, Deadline: probes.Duration(deadline),
	}
	reply, err := b.order(ctx, t.from, order)
	if err != nil {
		return "", err
	}
	if reply.Observed == nil {
		return "", fmt.Errorf("the probe of %s gave no observation: %s", t.from, reply.Fault)
	}
	return string(probes.Classify(*reply.Observed, probes.Authenticate(*reply.Observed, order.Question(), b.key, nil))), nil
}

// order execs once into a namespace's pod, and reads the first reply.
func (b *baseline) order(ctx context.Context, namespace string, o probes.Order) (probes.Reply, error) {
	var reply probes.Reply
	line, err := json.Marshal(o)
	if err != nil {
		return reply, err
	}
	stdin := string(line) + "\n{\"do\":\"flush\"}\n"
	url := b.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(b.pods[namespace].Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: "probe", Command: []string{"/probe", "pipe", "--socket", socketPath}, Stdin: true, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec).URL()
	var stdout, stderr bytes.Buffer
	executor, err := remotecommand.NewWebSocketExecutor(rest.CopyConfig(b.config), http.MethodGet, url.String())
	if err != nil {
		return reply, err
	}
	if err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr}); err != nil {
		return reply, fmt.Errorf("exec in %s: %w: %s", namespace, err, stderr.String())
	}
	return reply, json.NewDecoder(&stdout).Decode(&reply)
}

const (
	socketPath  = "/run/partywall/probe.sock"
	baselineRun = "baseline"
	jobName     = "partywall-baseline"
)

// deploy puts one probe into each namespace and gives it the key.
func (b *baseline) deploy(ctx context.Context, tenants []string) error {
	for _, ns := range tenants {
		if _, err := b.client.BatchV1().Jobs(ns).Create(ctx, b.job(), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	var group errgroup.Group
	for _, ns := range tenants {
		pod, err := b.awaitPod(ctx, ns)
		if err != nil {
			return fmt.Errorf("waiting for the baseline's pod in %s: %w", ns, err)
		}
		b.pods[ns] = pod
	}
	group.SetLimit(workers)
	for _, ns := range tenants {
		group.Go(func() error {
			_, err := b.order(ctx, ns, probes.Order{Do: probes.DoKey, Key: b.key})
			return err
		})
	}
	return group.Wait()
}

func (b *baseline) job() *batchv1.Job {
	job := manifests.ProbeJob()
	job.Name = jobName
	job.Labels["partywall.dev/run"] = baselineRun
	job.Spec.Template.Labels["partywall.dev/run"] = baselineRun
	c := &job.Spec.Template.Spec.Containers[0]
	c.Image = b.image
	c.Args = append(c.Args, "--socket", socketPath, "--tcp-port", fmt.Sprint(fourth.Number))
	return job
}

func (b *baseline) awaitPod(ctx context.Context, namespace string) (*corev1.Pod, error) {
	var found *corev1.Pod
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		pods, err := b.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "partywall.dev/run=" + baselineRun})
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return ready(&p) && p.DeletionTimestamp == nil })
		if i < 0 {
			return false, nil
		}
		found = &pods.Items[i]
		return true, nil
	})
	return found, err
}

// remove deletes the baseline's Jobs and waits for their pods to end.
func (b *baseline) remove(ctx context.Context, tenants []string) {
	foreground := metav1.DeletePropagationForeground
	for _, ns := range tenants {
		_ = b.client.BatchV1().Jobs(ns).Delete(ctx, jobName, metav1.DeleteOptions{PropagationPolicy: &foreground}) // what stays is seen below
	}
	_ = wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		pods, err := b.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: "partywall.dev/run=" + baselineRun})
		return err == nil && len(pods.Items) == 0, nil
	}) // the namespaces go at the end, with all that is in them
}
