package reports

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// claim opens a file for this process alone, and empties it. A run that ended
// may remove it between the two, and its folder; then the next is made.
func claim(path string) (*os.File, error) {
	const tries = 10
	var err error
	for range tries {
		var f *os.File
		f, err = claimOnce(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}

func claimOnce(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	if err := own(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// own locks the file before it is emptied: it may be another run's.
func own(f *os.File) error {
	free, err := lock(f)
	switch {
	case err != nil:
		return err
	case !free:
		return ErrBusy
	case !inPlace(f):
		return fs.ErrNotExist
	}
	info, err := f.Stat()
	if err != nil || info.Size() == 0 { // a device has no size, and cannot be cut
		return err
	}
	return f.Truncate(0)
}

// inPlace says whether the file is still the one at its path.
func inPlace(f *os.File) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.Name())
	return err == nil && os.SameFile(here, there)
}

// missing lists the folders on the way to this one that are not there yet, the
// innermost first.
func missing(folder string) []string {
	var list []string
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		list = append(list, folder)
		folder = filepath.Dir(folder)
	}
	return list
}
