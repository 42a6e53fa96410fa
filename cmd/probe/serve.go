package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/partywall/partywall/probes"
)

// softMemory makes the collector work harder before the pod's limit of 128 MiB
// ends the probe.
const softMemory = 96 << 20

const defaultSocket = "/run/partywall/probe.sock"

// serveOptions are the flags of serve.
type serveOptions struct {
	target     probes.TargetOptions
	sourceOnly bool
	inFlight   int
	socket     string
	abandon    time.Duration
}

func serveFlags(s streams, args []string) (serveOptions, error) {
	var o serveOptions
	p := &o.target.Ports
	var echoTCP, echoUDP int
	flags := flag.NewFlagSet("probe serve", flag.ContinueOnError)
	flags.SetOutput(s.err)
	flags.StringVar(&o.socket, "socket", defaultSocket, "path of the socket that orders come on")
	flags.BoolVar(&o.sourceOnly, "source-only", false, "listen nowhere but on the socket and for health checks")
	flags.StringVar(&o.target.Host, "host", "", "address to listen on (default all)")
	flags.IntVar(&p.HTTP, "http-port", probes.PortHTTP, "port of the HTTP listener")
	flags.IntVar(&echoTCP, "echo-tcp-port", probes.PortTCP, "port of the TCP listener")
	flags.IntVar(&echoUDP, "echo-udp-port", probes.PortUDP, "port of the UDP listener")
	flags.IntVar(&p.Health, "health-port", probes.PortHealth, "port of the health check, which is never recorded")
	flags.Func("h2c-port", "port of a listener for HTTP/2 without TLS (repeatable, default 8082)", appendPort(&p.H2C))
	flags.Func("tls-port", "port of a listener for HTTP over TLS (repeatable, default 8443)", appendPort(&p.TLS))
	flags.Func("banner-port", "port of a listener that speaks first (repeatable, default 9013)", appendPort(&p.Banner))
	flags.Func("sctp-port", "port of a listener for SCTP, where the kernel has that (repeatable, default 9132)", appendPort(&p.SCTP))
	flags.Func("tcp-port", "a further TCP port to answer on (repeatable)", appendPort(&p.TCP))
	flags.Func("udp-port", "a further UDP port to answer on (repeatable)", appendPort(&p.UDP))
	flags.IntVar(&o.target.Receipts, "receipts", 0, "arrivals that are remembered (default 65536)")
	flags.IntVar(&o.target.Conns, "connections", 0, "connections that each listener holds at a time (default 512)")
	flags.DurationVar(&o.abandon, "abandon-after", 0, "end when no stream was open for so long (default never)")
	flags.IntVar(&o.inFlight, "in-flight", probes.DefaultInFlight, "attempts made at the same time")
	if flags.Parse(args) != nil {
		return o, errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(s.err, "probe serve takes flags only, not %q\n", flags.Arg(0))
		return o, errUsage
	}
	p.TCP = append([]int{echoTCP}, p.TCP...)
	p.UDP = append([]int{echoUDP}, p.UDP...)
	addStandard(p)
	return o, nil
}

// serve is PID 1: it ends at once when it is told to, since nothing it holds
// outlives the pod.
func serve(ctx context.Context, s streams, args []string) error {
	o, err := serveFlags(s, args)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(softMemory)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	target, err := openTarget(ctx, o, cancel)
	if err != nil {
		return err
	}
	socket, err := listenSocket(o.socket)
	if err != nil {
		return err
	}
	defer socket.Close() //nolint:errcheck // the process ends
	attended := attend(o.abandon, func() {
		fmt.Fprintln(s.err, "probe: nobody has spoken to this probe for", o.abandon, "- it ends")
		cancel(nil)
	})
	go func() { cancel(serveSocket(ctx, socket, probes.NewServer(target, o.inFlight), attended)) }()

	// Health comes last: the pod is ready once everything else is.
	health, err := probes.ListenHealth(o.target.Host, o.target.Ports.Health)
	if err != nil {
		return fmt.Errorf("listening for health checks on port %d: %w", o.target.Ports.Health, err)
	}
	go func() { cancel(health.Serve(ctx)) }()

	fmt.Fprintln(s.err, banner(target, health))
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func openTarget(ctx context.Context, o serveOptions, cancel context.CancelCauseFunc) (*probes.Target, error) {
	if o.sourceOnly {
		return nil, nil
	}
	target, err := probes.ListenTarget(o.target)
	if err != nil {
		return nil, err
	}
	go func() { cancel(target.Serve(ctx)) }()
	return target, nil
}

// banner tells the pod's log, and whoever let the system choose ports, where
// the probe listens.
func banner(target *probes.Target, health *probes.Health) string {
	if target == nil {
		return fmt.Sprintf("probe %s, source-only, health=%d", version, health.Port())
	}
	p := target.Ports()
	said := fmt.Sprintf("probe %s, boot %s, http=%d h2c=%d tls=%d tcp=%d udp=%d banner=%d health=%d",
		version, target.Boot(), p.HTTP, p.H2C, p.TLS, p.TCP, p.UDP, p.Banner, health.Port())
	if why := target.NoSCTP(); why != "" {
		return said + ", and none for SCTP: " + why
	}
	return said + fmt.Sprintf(" sctp=%d", p.SCTP)
}

// listenSocket replaces the socket of an earlier life: the volume outlives the
// container.
func listenSocket(path string) (net.Listener, error) {
	if st, err := os.Lstat(path); err == nil && st.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("replacing the socket of an earlier start: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the socket for orders (is a writable volume mounted there?): %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close() //nolint:errcheck // it is not used
		return nil, fmt.Errorf("keeping the socket private: %w", err)
	}
	return l, nil
}

func serveSocket(ctx context.Context, l net.Listener, server *probes.Server, attended *attendance) error {
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end, and that is why
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			time.Sleep(10 * time.Millisecond) // out of descriptors for now
			continue
		}
		attended.come()
		go func() {
			defer attended.leave()
			defer conn.Close()      //nolint:errcheck // the stream is over
			server.Serve(ctx, conn) //nolint:errcheck // the runner saw its stream end without a terminator
		}()
	}
}
