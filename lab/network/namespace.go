package network

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// makeNamespace makes a network namespace and mounts it on a file, which keeps
// it. The file is in the lab's own folder, not where iproute2 keeps its names:
// that would make a mount there which outlives the lab.
func makeNamespace(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making network namespace %s: %w", path, err)
	}
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		return fmt.Errorf("making network namespace %s: %w", path, err)
	}
	return onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making network namespace %s: %w", path, err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("keeping network namespace %s: %w", path, err)
		}
		return nil
	})
}

// Inside runs a function on a thread that has entered the network namespace
// mounted on path: sockets made by it belong there.
func Inside(path string, act func() error) error {
	return onOwnThread(func() error {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("entering network namespace %s: %w", path, err)
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering network namespace %s: %w", path, err)
		}
		return act()
	})
}

// onOwnThread runs a function on a thread that ends with it.
func onOwnThread(act func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the runtime ends a thread whose goroutine ends locked.
		runtime.LockOSThread()
		done <- act()
	}()
	return <-done
}

// Dial connects from inside a network namespace. The address must be numeric,
// so that no other thread is asked to resolve it.
func Dial(ctx context.Context, path, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := Inside(path, func() (err error) {
		var dialer net.Dialer
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens inside a network namespace.
func Listen(ctx context.Context, path, network, address string) (net.Listener, error) {
	var listener net.Listener
	err := Inside(path, func() (err error) {
		var config net.ListenConfig
		listener, err = config.Listen(ctx, network, address)
		return err
	})
	return listener, err
}

// ListenPacket takes datagrams inside a network namespace.
func ListenPacket(ctx context.Context, path, network, address string) (net.PacketConn, error) {
	var packets net.PacketConn
	err := Inside(path, func() (err error) {
		var config net.ListenConfig
		packets, err = config.ListenPacket(ctx, network, address)
		return err
	})
	return packets, err
}
