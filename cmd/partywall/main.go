// Command partywall proves, on a live cluster, that tenants are walled off
// from each other.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once, in the middle of its clean-up.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, streams{out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}
