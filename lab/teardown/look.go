package teardown

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/partywall/partywall/lab/cgroups"
	"github.com/partywall/partywall/lab/mounts"
	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
)

// Look lists what exists of a lab: processes, mounts (a network namespace is
// one) and cgroups.
func Look(lab state.Lab) ([]string, error) {
	var things []string
	pids, err := Processes(lab)
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		things = append(things, fmt.Sprintf("process %d (%s)", pid, processes.Command(pid)))
	}
	strays, err := strays(lab)
	if err != nil {
		return nil, err
	}
	things = append(things, strays...)
	mounted, err := mounts.Own(lab.Path())
	if err != nil {
		return nil, err
	}
	for _, mount := range mounted {
		things = append(things, "mount "+mount)
	}
	groups, err := cgroups.Find(lab.ID())
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		things = append(things, "cgroup "+group)
	}
	return things, nil
}

// strays lists processes that are in none of the lab's cgroups but name its
// folder in their arguments: they are shown, never killed.
func strays(lab state.Lab) ([]string, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	members, err := Processes(lab)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || slices.Contains(members, pid) {
			continue
		}
		if command := processes.Command(pid); strings.HasPrefix(command, lab.Bin()+"/") && strings.Contains(command, lab.Path()+"/") {
			found = append(found, fmt.Sprintf("process %d outside the lab's cgroups (%s)", pid, command))
		}
	}
	return found, nil
}

// unmount unmounts what is below the lab's own folder, the last mounted first:
// its network namespaces, which end by that. The nodes mount in namespaces of
// their own.
func unmount(lab state.Lab) error {
	mounted, err := mounts.Own(lab.Path())
	if err != nil {
		return err
	}
	var failed []error
	slices.Reverse(mounted)
	for _, mount := range mounted {
		if err := unix.Unmount(mount, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			failed = append(failed, fmt.Errorf("unmounting %s: %w", mount, err))
		}
	}
	return errors.Join(failed...)
}
