//go:build unix

package reports

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes a file for this process alone, and says whether it was free. The
// lock ends with the file's last descriptor, so that no killed process leaves
// one behind. It is advisory: whoever only reads is let.
func lock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
