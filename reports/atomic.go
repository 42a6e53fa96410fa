package reports

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// writeFile makes the file appear whole: it is written beside its place and
// then renamed. A reader, or a run that is killed meanwhile, finds the old
// file or the new one, never half of one.
func writeFile(path string, write func(io.Writer) error) error {
	if isStream(path) {
		return writeStream(path, write)
	}
	path = resolved(path)
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	if err := finish(tmp, write); err != nil {
		_ = os.Remove(tmp.Name())
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		_ = os.Remove(tmp.Name())
		return err
	}
	return nil
}

// finish fills and closes the temporary file. It is synced, so that a power
// cut after the rename does not leave an empty file in a report's place.
func finish(tmp *os.File, write func(io.Writer) error) error {
	defer tmp.Close()
	if err := write(tmp); err != nil {
		return err
	}
	// CI jobs collect reports as another user than the one that ran.
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	return tmp.Close()
}

// isStream says whether the path is a pipe or a device, such as /dev/stdout
// whatever that leads to, which must be written to and never replaced.
func isStream(path string) bool {
	if strings.HasPrefix(path, "/dev/") {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

func writeStream(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}

// resolved follows a symbolic link, so that the file is replaced and not the
// link to it.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
