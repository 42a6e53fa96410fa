package teardown

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/partywall/partywall/lab/cgroups"
	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
)

// Look lists what exists of a lab: processes, network namespaces, mounts and
// cgroups.
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
	names, err := network.Names(lab.ID())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		things = append(things, "network namespace "+name)
	}
	mounts, err := ownMounts(lab)
	if err != nil {
		return nil, err
	}
	for _, mount := range mounts {
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

// ownMounts lists what is mounted at or below the lab's own folder.
func ownMounts(lab state.Lab) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	defer file.Close()
	return mountsBelow(file, lab.Path())
}

func mountsBelow(mountinfo io.Reader, dir string) ([]string, error) {
	var found []string
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		const target = 4
		fields := strings.Fields(lines.Text())
		if len(fields) <= target {
			continue
		}
		path := unescape(fields[target])
		if path == dir || strings.HasPrefix(path, dir+"/") {
			found = append(found, path)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	return found, nil
}

// unescape undoes the kernel's octal escapes of blanks and backslashes.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// unmount unmounts what is below the lab's own folder, the last mounted first.
// The nodes mount in namespaces of their own: usually there is nothing.
func unmount(lab state.Lab) error {
	mounts, err := ownMounts(lab)
	if err != nil {
		return err
	}
	var failed []error
	slices.Reverse(mounts)
	for _, mount := range mounts {
		if err := unix.Unmount(mount, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			failed = append(failed, fmt.Errorf("unmounting %s: %w", mount, err))
		}
	}
	return errors.Join(failed...)
}
