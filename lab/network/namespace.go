package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// runDir is where iproute2 keeps the names of network namespaces.
const runDir = "/run/netns"

// Path is the file that stands for a named network namespace.
func Path(name string) string { return filepath.Join(runDir, name) }

// Names lists the named network namespaces that belong to a lab: its own name,
// and that name followed by a node's.
func Names(id string) ([]string, error) {
	entries, err := os.ReadDir(runDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing network namespaces: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if belongs(entry.Name(), id) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// belongs tells the namespaces of lab "a" from those of a lab named "a-b".
func belongs(name, id string) bool {
	rest, ok := strings.CutPrefix(name, id)
	return ok && (rest == "" || rest == "-node1" || rest == "-node2")
}

// Inside runs a function on a thread of its own that has entered the named
// network namespace: sockets made by it belong there. The thread ends with it.
func Inside(name string, act func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the runtime ends a thread whose goroutine ends locked.
		runtime.LockOSThread()
		done <- enterAnd(name, act)
	}()
	return <-done
}

func enterAnd(name string, act func() error) error {
	file, err := os.Open(Path(name))
	if err != nil {
		return fmt.Errorf("entering network namespace %s: %w", name, err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering network namespace %s: %w", name, err)
	}
	return act()
}

// Dial connects from inside the named network namespace. The address must be
// numeric, so that no other thread is asked to resolve it.
func Dial(ctx context.Context, name, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := Inside(name, func() (err error) {
		var dialer net.Dialer
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens inside the named network namespace.
func Listen(ctx context.Context, name, network, address string) (net.Listener, error) {
	var listener net.Listener
	err := Inside(name, func() (err error) {
		var config net.ListenConfig
		listener, err = config.Listen(ctx, network, address)
		return err
	})
	return listener, err
}
