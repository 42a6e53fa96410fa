// Command probe is what runs in a probe pod: PID 1 serves orders on a socket,
// and each exec into the pod pipes a stream of orders to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errUsage is a mistake of whoever typed the command; it was explained already.
var errUsage = errors.New("usage")

const usage = `usage: probe serve [flags]   answer as a target, and follow the orders that come on a socket
       probe pipe [flags]    pass orders from stdin to that socket, and its replies to stdout
       probe version`

func run(ctx context.Context, s streams, args []string) int {
	err := dispatch(ctx, s, args)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(s.err, "probe:", err)
	return 1
}

func dispatch(ctx context.Context, s streams, args []string) error {
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "serve":
		return serve(ctx, s, args[1:])
	case "pipe":
		return pipe(ctx, s, args[1:])
	case "version":
		fmt.Fprintln(s.out, version)
		return nil
	}
	fmt.Fprintln(s.err, usage)
	return errUsage
}
