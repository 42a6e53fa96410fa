// Command partywall proves, on a live cluster, that tenants are walled off
// from each other.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/partywall/partywall/probes/image/carried"
	"github.com/partywall/partywall/runner"
)

func main() { start(carried.Probe) }

func start(probe carrier) {
	// client-go logs of its own accord; what matters of it comes back as an
	// error and is said once.
	klog.SetLogger(logr.Discard())
	runner.SaveMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once, in the middle of its clean-up.
	context.AfterFunc(ctx, stop)
	// A reader that goes away, as head does, would end the program at its next
	// line, with its probes still in the cluster. With the signal taken, writing
	// fails instead.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(execute(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, probe, os.Args))
}
