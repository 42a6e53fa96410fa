package mounts

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// Own lists what this process sees mounted at or below dir, in the order in
// which it was mounted.
func Own(dir string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	defer file.Close()
	return below(file, dir)
}

func below(mountinfo io.Reader, dir string) ([]string, error) {
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
