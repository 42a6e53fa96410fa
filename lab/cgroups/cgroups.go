package cgroups

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Hierarchy is one mounted cgroup file system.
type Hierarchy struct {
	// Dir is where it is mounted.
	Dir string
	// Unified is set for version 2.
	Unified bool
	// Controllers are the mount's options on version 1 (such as pids).
	Controllers []string
}

// Hierarchies lists the hierarchies that this process sees mounted at their
// roots.
func Hierarchies() ([]Hierarchy, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing cgroup hierarchies: %w", err)
	}
	defer file.Close()
	return parseMounts(file)
}

func parseMounts(mountinfo io.Reader) ([]Hierarchy, error) {
	var found []Hierarchy
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		mount, filesystem, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(mount), strings.Fields(filesystem)
		const root, dir = 3, 4
		if !ok || len(left) <= dir || len(right) < 3 || left[root] != "/" {
			continue
		}
		switch right[0] {
		case "cgroup":
			found = append(found, Hierarchy{Dir: left[dir], Controllers: strings.Split(right[2], ",")})
		case "cgroup2":
			found = append(found, Hierarchy{Dir: left[dir], Unified: true})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("listing cgroup hierarchies: %w", err)
	}
	return found, nil
}

// Create makes a cgroup and its parents in every hierarchy.
func Create(path string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		dir := h.Dir
		for _, step := range strings.Split(strings.Trim(path, "/"), "/") {
			parent := dir
			dir = filepath.Join(dir, step)
			if err := h.makeChild(parent, dir); err != nil {
				return fmt.Errorf("making cgroup %s: %w", dir, err)
			}
		}
	}
	return nil
}

// makeChild makes one cgroup able to hold processes and further cgroups.
func (h Hierarchy) makeChild(parent, dir string) error {
	if h.Unified {
		enableControllers(parent)
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if !slices.Contains(h.Controllers, "cpuset") {
		return nil
	}
	// Version 1's cpuset takes no process before these two are filled.
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// enableControllers hands a version 2 cgroup's controllers to its children. A
// controller that cannot be handed on is left out: the kubelet names the ones
// it misses.
func enableControllers(dir string) {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, controller := range strings.Fields(string(available)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

// Join moves this process into the cgroup, by which its descendants are found
// again: in the pids hierarchy, or the unified one where there is no other.
func Join(path string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(hierarchies, func(h Hierarchy) bool { return slices.Contains(h.Controllers, "pids") })
	if at < 0 {
		at = slices.IndexFunc(hierarchies, func(h Hierarchy) bool { return h.Unified })
	}
	if at < 0 {
		return errors.New("joining the lab's cgroup: neither a pids nor a unified cgroup hierarchy is mounted")
	}
	procs := filepath.Join(hierarchies[at].Dir, path, "cgroup.procs")
	if err := os.WriteFile(procs, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return fmt.Errorf("joining cgroup %s: %w", procs, err)
	}
	return nil
}

// Members lists the processes in the cgroup and below it, in any hierarchy.
func Members(path string) ([]int, error) {
	members := map[int]bool{}
	err := walk(path, func(dir string) error {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return ignoreGone(err)
		}
		for _, line := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(line); err == nil && pid > 0 {
				members[pid] = true
			}
		}
		return nil
	})
	pids := make([]int, 0, len(members))
	for pid := range members {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, err
}

// Remove removes the cgroup and all below it, children first, in every
// hierarchy. What still holds a process stays.
func Remove(path string) error {
	dirs, err := Find(path)
	if err != nil {
		return err
	}
	slices.Reverse(dirs)
	var failed []error
	for _, dir := range dirs {
		if err := ignoreGone(unix.Rmdir(dir)); err != nil {
			failed = append(failed, fmt.Errorf("removing cgroup %s: %w", dir, err))
		}
	}
	return errors.Join(failed...)
}

// Find lists the cgroup and all below it in every hierarchy, parents first.
func Find(path string) ([]string, error) {
	var dirs []string
	err := walk(path, func(dir string) error {
		dirs = append(dirs, dir)
		return nil
	})
	return dirs, err
}

func walk(path string, visit func(dir string) error) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		err := filepath.WalkDir(filepath.Join(h.Dir, path), func(dir string, entry fs.DirEntry, err error) error {
			if err != nil {
				return ignoreGone(err)
			}
			if !entry.IsDir() {
				return nil
			}
			return visit(dir)
		})
		if err != nil {
			return fmt.Errorf("searching cgroup %s: %w", filepath.Join(h.Dir, path), err)
		}
	}
	return nil
}

// ignoreGone drops the error of a cgroup that was removed while it was looked
// at.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
