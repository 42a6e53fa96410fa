package cgroups

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	const table = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
35 31 0:30 /docker/abc /mnt/cpu rw,relatime - cgroup cgroup rw,cpu
36 23 0:5 / /proc rw - proc proc rw
short line
`
	got, err := parseMounts(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	want := []Hierarchy{
		{Dir: "/sys/fs/cgroup/pids", Controllers: []string{"rw", "pids"}},
		{Dir: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"rw", "cpu", "cpuacct"}},
		{Dir: "/sys/fs/cgroup/unified", Unified: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
