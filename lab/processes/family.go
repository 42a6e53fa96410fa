package processes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Family is the set of children that this process started itself and waits
// for. All others that end as its children are orphans it took in.
type Family struct {
	mu  sync.Mutex
	own map[int]bool
}

// NewFamily returns an empty family.
func NewFamily() *Family { return &Family{own: map[int]bool{}} }

// Start starts a command as one of the family's own.
func (f *Family) Start(cmd *exec.Cmd) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	f.own[cmd.Process.Pid] = true
	return nil
}

// Wait waits for a command that Start started.
func (f *Family) Wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.own, cmd.Process.Pid)
	return err
}

// Run starts a command, waits for it and puts what it wrote into the error.
func (f *Family) Run(cmd *exec.Cmd) ([]byte, error) {
	var output limitedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := f.Start(cmd); err != nil {
		return nil, err
	}
	if err := f.Wait(cmd); err != nil {
		return output.data, fmt.Errorf("running %s: %w: %s", cmd.String(), err, output.data)
	}
	return output.data, nil
}

// TakeInOrphans makes this process the parent of every orphan among its
// descendants and reaps those that end, until the context is done.
func (f *Family) TakeInOrphans(ctx context.Context) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming a subreaper: %w", err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		defer signal.Stop(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-ended:
				f.reap()
			}
		}
	}()
	return nil
}

// reap waits for the defunct children that nobody else waits for.
func (f *Family) reap() {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || f.own[pid] {
			continue
		}
		if stat, err := ReadStat(pid); err == nil && stat.Parent == os.Getpid() && stat.State == 'Z' {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// limitedBuffer keeps the first part of what is written, enough for an error.
type limitedBuffer struct{ data []byte }

const maxOutput = 256 << 10

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := maxOutput - len(b.data); room > 0 {
		b.data = append(b.data, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
