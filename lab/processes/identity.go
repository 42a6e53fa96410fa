package processes

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Identity is a process id together with when that process started, in clock
// ticks since boot: the pair is not used twice.
type Identity struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// Stat is the part of /proc/PID/stat that the lab looks at.
type Stat struct {
	State  byte
	Parent int
	Start  uint64
}

// Identify returns the identity of a running process.
func Identify(pid int) (Identity, error) {
	stat, err := ReadStat(pid)
	if err != nil {
		return Identity{}, err
	}
	return Identity{PID: pid, Start: stat.Start}, nil
}

// Alive reports whether this very process exists and is not defunct.
func (i Identity) Alive() bool {
	stat, err := ReadStat(i.PID)
	return err == nil && stat.Start == i.Start && stat.State != 'Z' && stat.State != 'X'
}

// Signal sends a signal to this very process; one that has ended is no error.
func (i Identity) Signal(signal unix.Signal) error {
	fd, err := unix.PidfdOpen(i.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening process %d: %w", i.PID, err)
	}
	defer unix.Close(fd)
	// The descriptor is held: from here on the number cannot change its owner.
	if !i.Alive() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("sending %s to process %d: %w", unix.SignalName(signal), i.PID, err)
	}
	return nil
}

// ReadStat reads /proc/PID/stat.
func ReadStat(pid int) (Stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Stat{}, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return parseStat(string(data))
}

// parseStat reads the fields after the command name, which stands in
// parentheses and may hold spaces and parentheses itself.
func parseStat(text string) (Stat, error) {
	rest := text
	if end := strings.LastIndexByte(text, ')'); end >= 0 {
		rest = text[end+1:]
	}
	fields := strings.Fields(rest)
	const state, parent, start = 0, 1, 19
	if len(fields) <= start {
		return Stat{}, fmt.Errorf("process status has %d fields: %q", len(fields), text)
	}
	ppid, err := strconv.Atoi(fields[parent])
	if err != nil {
		return Stat{}, fmt.Errorf("process status: parent %q: %w", fields[parent], err)
	}
	ticks, err := strconv.ParseUint(fields[start], 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("process status: start %q: %w", fields[start], err)
	}
	return Stat{State: fields[state][0], Parent: ppid, Start: ticks}, nil
}

// Command is a process's command line, or its name where it has none.
func Command(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "ended"
	}
	if line := strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " ")); line != "" {
		return line
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "ended"
	}
	return strings.TrimSpace(string(name))
}
