package teardown

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/partywall/partywall/lab/cgroups"
	"github.com/partywall/partywall/lab/mounts"
	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
)

const (
	// patience is how long a step waits for the kernel.
	patience = 15 * time.Second
	interval = 20 * time.Millisecond
)

// LeftoverError lists what a removal did not remove.
type LeftoverError struct {
	// Lab is the lab's name.
	Lab string
	// Things are what is still there, one line each.
	Things []string
}

// Error names all of it.
func (e *LeftoverError) Error() string {
	return fmt.Sprintf("of lab %s there is still:\n  %s", e.Lab, strings.Join(e.Things, "\n  "))
}

// Remove takes the lab away, of which nothing need exist. Its logs are kept
// where keepLogs is set.
func Remove(ctx context.Context, lab state.Lab, keepLogs bool) error {
	var failed []error
	note := func(err error) {
		if err != nil {
			failed = append(failed, err)
		}
	}
	note(EndSupervisor(ctx, lab))
	note(KillAll(ctx, lab))
	note(unmount(lab))
	note(removeCgroups(ctx, lab))
	note(removeFiles(lab, keepLogs))
	left, err := Look(lab)
	note(err)
	if len(left) > 0 {
		note(&LeftoverError{Lab: lab.Name, Things: left})
	}
	return errors.Join(failed...)
}

// EndSupervisor asks the supervisor to end everything: as the parent of all
// orphans it alone can reap them. One that does not end in time is killed.
func EndSupervisor(ctx context.Context, lab state.Lab) error {
	record, ok, err := lab.Load()
	if err != nil || !ok {
		return err
	}
	if err := record.Supervisor.Signal(unix.SIGTERM); err != nil {
		return err
	}
	if until(ctx, func() bool { return !record.Supervisor.Alive() }) {
		return nil
	}
	return record.Supervisor.Signal(unix.SIGKILL)
}

// KillAll ends every process of the lab but the calling one: the pods first,
// then everything else, again and again until none is left, because those that
// still live start others.
func KillAll(ctx context.Context, lab state.Lab) error {
	var failed error
	gone := until(ctx, func() bool {
		var pods, all []int
		pods, failed = podProcesses(lab)
		if failed != nil {
			return false
		}
		kill(pods)
		all, failed = Processes(lab)
		kill(all)
		return failed == nil && len(all) == 0
	})
	if failed != nil {
		return failed
	}
	if !gone && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

func podProcesses(lab state.Lab) ([]int, error) {
	var all []int
	for _, node := range lab.Nodes() {
		pids, err := cgroups.Members(node.Cgroup)
		if err != nil {
			return nil, err
		}
		all = append(all, pids...)
	}
	return all, nil
}

// Processes lists the lab's processes, without the calling one: those in its
// cgroups. Every process of a lab is born there, and none can leave by itself.
func Processes(lab state.Lab) ([]int, error) {
	members, err := cgroups.Members(lab.ID())
	if err != nil {
		return nil, err
	}
	var others []int
	for _, pid := range members {
		if pid != os.Getpid() {
			others = append(others, pid)
		}
	}
	return others, nil
}

func kill(pids []int) {
	for _, pid := range pids {
		if identity, err := processes.Identify(pid); err == nil {
			// One that cannot be killed is found and named at the end.
			_ = identity.Signal(unix.SIGKILL)
		}
	}
}

// removeCgroups tries for a while: a cgroup is busy until the kernel is done
// with the last process that was in it.
func removeCgroups(ctx context.Context, lab state.Lab) error {
	var failed error
	until(ctx, func() bool {
		failed = cgroups.Remove(lab.ID())
		return failed == nil
	})
	return failed
}

func removeFiles(lab state.Lab, keepLogs bool) error {
	entries, err := os.ReadDir(lab.Path())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing the files of lab %s: %w", lab.Name, err)
	}
	if left, err := mounts.Own(lab.Path()); err != nil || len(left) > 0 {
		// Deleting would reach into what is mounted.
		return err
	}
	for _, entry := range entries {
		if keepLogs && entry.Name() == "logs" {
			continue
		}
		if err := os.RemoveAll(lab.Path(entry.Name())); err != nil {
			return fmt.Errorf("removing the files of lab %s: %w", lab.Name, err)
		}
	}
	if keepLogs {
		return nil
	}
	return os.Remove(lab.Path())
}

// until asks until the answer is yes; it tells whether that came in time.
func until(ctx context.Context, ask func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if ask() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}
