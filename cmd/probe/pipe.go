package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// pipe is what an exec runs. It keeps the two directions apart: orders that end
// do not cut off the replies that are still to come.
func pipe(ctx context.Context, s streams, args []string) error {
	fs := flag.NewFlagSet("probe pipe", flag.ContinueOnError)
	fs.SetOutput(s.err)
	socket := fs.String("socket", defaultSocket, "path of the socket that the probe serves")
	if fs.Parse(args) != nil {
		return errUsage
	}
	conn, err := net.Dial("unix", *socket)
	if err != nil {
		return fmt.Errorf("finding the probe of this pod: %w", err)
	}
	defer conn.Close()                                      //nolint:errcheck // both directions have ended
	stop := context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // it ends the copies
	defer stop()

	var ended atomic.Bool
	sent := make(chan error, 1)
	go func() { sent <- sendOrders(conn.(*net.UnixConn), s.in, &ended) }()
	if _, err := io.Copy(s.out, conn); err != nil {
		return fmt.Errorf("passing replies: %w", err)
	}
	if ended.Load() {
		return <-sent
	}
	// Stdin may stay open for ever: it is not waited for.
	return errors.New("the probe ended the stream before its orders ended")
}

func sendOrders(conn *net.UnixConn, in io.Reader, ended *atomic.Bool) error {
	if _, err := io.Copy(conn, in); err != nil {
		return fmt.Errorf("passing orders: %w", err)
	}
	ended.Store(true)
	if err := conn.CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		return fmt.Errorf("ending the orders: %w", err)
	}
	return nil
}
