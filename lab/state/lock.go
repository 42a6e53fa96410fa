package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long one command waits for another on the same lab.
const lockPatience = 60 * time.Second

// Lock keeps other commands from starting or removing the same lab. The kernel
// lets go of it when the process ends, however it ends.
func (l Lab) Lock(ctx context.Context) (unlock func(), err error) {
	path := filepath.Join(l.Root, "labs", l.Name+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("locking lab %s: %w", l.Name, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking lab %s: %w", l.Name, err)
	}
	if err := l.take(ctx, file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}

func (l Lab) take(ctx context.Context, file *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("locking lab %s: %w", l.Name, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lab %s is being started or removed by another command", l.Name)
		case <-ticker.C:
		}
	}
}
