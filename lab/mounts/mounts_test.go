package mounts

import (
	"slices"
	"strings"
	"testing"
)

const table = `22 27 0:21 / /proc rw,relatime - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
90 27 0:4 net:[4026532001] /home/u/.cache/partywall/labs/a/netns/outer rw - nsfs nsfs rw
91 27 0:4 net:[4026532002] /home/u/.cache/partywall/labs/a-b/netns/outer rw - nsfs nsfs rw
92 27 254:0 / /home/u/.cache/partywall/labs/a/with\040blank rw - ext4 /dev/vda rw
broken line
`

func TestBelow(t *testing.T) {
	tests := []struct {
		name, dir string
		want      []string
	}{
		{"a lab, not the one whose name begins alike", "/home/u/.cache/partywall/labs/a", []string{
			"/home/u/.cache/partywall/labs/a/netns/outer", "/home/u/.cache/partywall/labs/a/with blank",
		}},
		{"the mount itself", "/proc", []string{"/proc"}},
		{"nothing", "/home/u/.cache/partywall/labs/c", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := below(strings.NewReader(table), test.dir)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
