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

// Lock is held by the command that starts or removes a lab.
type Lock struct{ file *os.File }

// Lock keeps other commands from starting or removing the same lab. The kernel
// lets go of it when the process ends, however it ends.
func (l Lab) Lock(ctx context.Context) (*Lock, error) {
	path := filepath.Join(l.Root, "labs", l.Name+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("locking lab %s: %w", l.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		lock, err := tryLock(path)
		if err != nil {
			return nil, fmt.Errorf("locking lab %s: %w", l.Name, err)
		}
		if lock != nil {
			return lock, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lab %s is being started or removed by another command", l.Name)
		case <-ticker.C:
		}
	}
}

// tryLock returns no lock where another command holds it.
func tryLock(path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && isAt(file, path) {
		return &Lock{file}, nil
	}
	_ = file.Close()
	if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, err
	}
	return nil, nil
}

// isAt tells a file that is still there from one that the last holder removed.
func isAt(file *os.File, path string) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(held, now)
}

// Release lets go of the lock.
func (l *Lock) Release() { _ = l.file.Close() }

// Remove removes the lock's file while the lock is held.
func (l *Lock) Remove() error { return os.Remove(l.file.Name()) }
