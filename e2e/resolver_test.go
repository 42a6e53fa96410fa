package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/partywall/partywall/verdicts"
)

// These tests change the resolver of the whole lab, so that none of them runs
// beside another test.

// A resolver that makes a star any Service's name, and takes a search path off,
// tells by these too; what nobody is told, as by the one that Kubernetes has, is
// not taken for a wall.
func TestNamesThatAResolverMakesUp(t *testing.T) {
	w := newWorld(t, 2)
	locked := w.tenants[0]
	for _, spaces := range w.spaces {
		for _, ns := range spaces {
			w.deploy(ns, "db")
		}
	}
	only := []string{"--suite", "dns", "--only", "dns/wildcard/*", "--only", "dns/search/*", "--only", "dns/pod-record/*"}
	w.requireNames(w.run(only...), func(r verdicts.Result) verdicts.Verdict {
		if r.Check == "pod-record" {
			return verdicts.Leak
		}
		return verdicts.Skipped
	})

	changeResolver(t, `rewrite name regex ^\*\.([^.]+)\.svc\.cluster\.local\.$ db.{1}.svc.cluster.local. answer auto
    rewrite name regex ^(.+\.svc\.cluster\.local)\.[^.]+\.svc\.cluster\.local\.$ {1}. answer auto`)
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	w.requireNames(w.run(only...), func(r verdicts.Result) verdicts.Verdict {
		if r.From.Tenant == locked {
			return verdicts.Unreached
		}
		return verdicts.Leak
	})
	w.requireClean()
}

// A resolver that dies while it is asked hid nothing.
func TestResolverThatDies(t *testing.T) {
	w := newWorld(t, 2)
	locked := w.tenants[0]
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	c, out, stderr := w.startAndAwait("round 2 of 2: controls before", "--suite", "dns", "--only", "dns/service*")
	scaleResolver(t, 0)
	err := c.Wait()
	exited := (*exec.ExitError)(nil)
	require.True(t, err == nil || errors.As(err, &exited), "%v", err)
	record, err := readRecord(filepath.Join(out, "results.json"))
	require.NoError(t, err, stderr)
	w.requireNames(outcome{record: record}, func(r verdicts.Result) verdicts.Verdict {
		if r.From.Tenant == locked {
			return verdicts.Inconclusive
		}
		return verdicts.Leak // in the first round
	})
	w.requireClean()
}

// requireNames holds what was told of names against what ought to be.
func (w *world) requireNames(o outcome, want want) {
	w.t.Helper()
	require.NotEmpty(w.t, o.record.Results, o.stderr)
	w.requireVerdicts(o.record.Results, want)
}

// changeResolver adds to what the lab's CoreDNS does, until the test ends.
func changeResolver(t *testing.T, with string) {
	t.Helper()
	ctx := context.Background()
	maps := lab.admin.CoreV1().ConfigMaps("kube-system")
	config, err := maps.Get(ctx, "coredns", metav1.GetOptions{})
	require.NoError(t, err)
	before := config.Data["Corefile"]
	set := func(corefile string) {
		patch, err := json.Marshal(map[string]any{"data": map[string]string{"Corefile": corefile}})
		require.NoError(t, err)
		_, err = maps.Patch(ctx, "coredns", types.MergePatchType, patch, metav1.PatchOptions{})
		require.NoError(t, err)
		setResolver(t, map[string]any{"template": map[string]any{"metadata": map[string]any{
			"annotations": map[string]string{"partywall.dev/restarted": time.Now().Format(time.RFC3339Nano)},
		}}}, 1)
	}
	t.Cleanup(func() { set(before) })
	set(strings.Replace(before, "ready\n", "ready\n    "+with+"\n", 1))
}

// scaleResolver has so many of the lab's resolver, until the test ends.
func scaleResolver(t *testing.T, replicas int) {
	t.Helper()
	t.Cleanup(func() { setResolver(t, map[string]any{"replicas": 1}, 1) })
	setResolver(t, map[string]any{"replicas": replicas}, replicas)
}

// setResolver changes the spec of the lab's resolver, and waits until that, and
// nothing that was before, is what answers.
func setResolver(t *testing.T, spec map[string]any, replicas int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	patch, err := json.Marshal(map[string]any{"spec": spec})
	require.NoError(t, err)
	deployments := lab.admin.AppsV1().Deployments("kube-system")
	changed, err := deployments.Patch(ctx, "coredns", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
	watcher, err := deployments.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=coredns"})
	require.NoError(t, err)
	defer watcher.Stop()
	for e := range watcher.ResultChan() {
		d, ok := e.Object.(*appsv1.Deployment)
		if !ok || d.Status.ObservedGeneration < changed.Generation {
			continue
		}
		if s := d.Status; int(s.Replicas) == replicas && int(s.UpdatedReplicas) == replicas && int(s.AvailableReplicas) == replicas {
			return
		}
	}
	t.Fatal("the lab's resolver never became what it was to be")
}
