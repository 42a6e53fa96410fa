package hold

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/partywall/partywall/lab/mounts"
)

// mount is one file system of a node.
type mount struct{ source, target, kind, options string }

// Run mounts what a node needs into the mount namespace that this process is
// in, says so with one line, and keeps the namespace until the context is done.
// root is the folder of the lab's files, which must stay visible.
func Run(ctx context.Context, root string, out io.Writer) error {
	if strings.HasPrefix(root, "/var/") || strings.HasPrefix(root, "/run/") {
		return fmt.Errorf("the lab's folder %s lies below one that its nodes replace: set XDG_CACHE_HOME to a folder outside /var and /run", root)
	}
	if err := assertPrivate(); err != nil {
		return err
	}
	if err := forget(filepath.Join(root, "labs")); err != nil {
		return err
	}
	if err := mountAll(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// assertPrivate refuses to mount anything into the namespace of the supervisor,
// which is the machine's.
func assertPrivate() error {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return err
	}
	parent, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", os.Getppid()))
	if err != nil {
		return err
	}
	if own == parent {
		return fmt.Errorf("this process has no mount namespace of its own: it is started by lab up only")
	}
	return nil
}

// forget drops this namespace's copies of what is mounted below the labs'
// folders: each would keep a network namespace, also another lab's, alive.
func forget(labs string) error {
	targets, err := mounts.Own(labs)
	if err != nil {
		return err
	}
	for _, target := range slices.Backward(targets) {
		if err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmounting a copy of %s: %w", target, err)
		}
	}
	return nil
}

func mountAll() error {
	// /run is the node's own: sockets, names of its pods' namespaces, Cilium's state.
	if err := attach(mount{"tmpfs", "/run", "tmpfs", "mode=0755"}); err != nil {
		return err
	}
	for _, dir := range []string{"netns", "containerd", "cilium", "lock", "var/upper", "var/work"} {
		if err := os.MkdirAll(filepath.Join("/run", dir), 0o755); err != nil {
			return err
		}
	}
	// The kubelet has paths below /var that nothing changes.
	if err := attach(mount{"overlay", "/var", "overlay", "lowerdir=/var,upperdir=/run/var/upper,workdir=/run/var/work"}); err != nil {
		return err
	}
	return attach(mount{"bpf", "/sys/fs/bpf", "bpf", "mode=0700"})
}

func attach(m mount) error {
	if err := unix.Mount(m.source, m.target, m.kind, 0, m.options); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", m.kind, m.target, err)
	}
	return nil
}
