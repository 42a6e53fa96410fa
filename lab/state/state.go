package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/partywall/partywall/lab/processes"
)

// Lab is one lab's place on this machine.
type Lab struct {
	// Name is what the user calls the lab.
	Name string
	// Root is the folder that all labs of this user share.
	Root string
	// DualStack gives nodes, pods and Services IPv6 addresses too. It is known
	// to the supervisor, which alone makes them, and to the lab's record.
	DualStack bool
}

// maxName keeps the paths of the lab's sockets within what the kernel takes.
const maxName = 30

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// Open returns the lab of that name below the user's cache folder.
func Open(name string) (Lab, error) {
	if len(name) > maxName || !validName.MatchString(name) {
		return Lab{}, fmt.Errorf("lab name %q: use at most %d lower-case letters, digits and inner hyphens", name, maxName)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Lab{}, fmt.Errorf("finding the cache folder (set XDG_CACHE_HOME or HOME): %w", err)
	}
	return Lab{Name: name, Root: filepath.Join(cache, "partywall")}, nil
}

// ID is the lab's name outside its folder: of its cgroups, and in kubeconfigs.
func (l Lab) ID() string { return "partywall-" + l.Name }

// Path is a file in the lab's own folder.
func (l Lab) Path(elem ...string) string {
	return filepath.Join(append([]string{l.Root, "labs", l.Name}, elem...)...)
}

// Bin is the folder of the compiled components, shared by all labs.
func (l Lab) Bin(elem ...string) string {
	return filepath.Join(append([]string{l.Root, "bin"}, elem...)...)
}

// Share is a file that all labs read: images and Cilium's eBPF sources.
func (l Lab) Share(elem ...string) string {
	return filepath.Join(append([]string{l.Root, "share"}, elem...)...)
}

// Kubeconfig is the file that leads a client on this machine into the lab.
func (l Lab) Kubeconfig() string { return l.Path("kubeconfig") }

// Log is the log of one component.
func (l Lab) Log(component string) string { return l.Path("logs", component+".log") }

// Netns is the file that the lab's outer network namespace is mounted on.
func (l Lab) Netns() string { return l.Path("netns", "outer") }

// Node is one node of a lab.
type Node struct {
	// Name is the node's name in the cluster.
	Name string
	// Netns is the file that its network namespace is mounted on.
	Netns string
	// Cgroup is its cgroup below every hierarchy's root.
	Cgroup string
	// IP is its address on the lab's bridge, PodCIDR the addresses of its pods.
	IP, PodCIDR string
	// IPv6 and PodCIDRv6 are the same of the other family; empty in a lab of one.
	IPv6, PodCIDRv6 string
	// Dir is its folder.
	Dir string
}

// Nodes are the lab's two nodes.
func (l Lab) Nodes() []Node {
	var nodes []Node
	for i := 1; i <= 2; i++ {
		name := fmt.Sprintf("node%d", i)
		node := Node{
			Name:    name,
			Netns:   l.Path("netns", name),
			Cgroup:  "/" + l.ID() + "/" + name,
			IP:      fmt.Sprintf("10.66.0.1%d", i),
			PodCIDR: fmt.Sprintf("10.244.%d.0/24", i),
			Dir:     l.Path(name),
		}
		if l.DualStack {
			node.IPv6, node.PodCIDRv6 = fmt.Sprintf("fd00:10:66::1%d", i), fmt.Sprintf("fd00:10:244:%d::/64", i)
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// Record is what a running lab writes down about itself.
type Record struct {
	// Profile is what the lab was started with.
	Profile Profile `json:"profile"`
	// Supervisor is the process that owns the components.
	Supervisor processes.Identity `json:"supervisor"`
	// Port is the loopback port of the API server.
	Port int `json:"port,omitempty"`
	// DualStack says that it has addresses of both families.
	DualStack bool `json:"dualStack,omitempty"`
	// Ready is set once the lab has started completely.
	Ready bool `json:"ready"`
	// Ended says why a lab that was ready is no more.
	Ended string `json:"ended,omitempty"`
	// Components are the long-running processes by name.
	Components map[string]processes.Identity `json:"components,omitempty"`
}

// Load reads the lab's record. ok is false where there is no such lab.
func (l Lab) Load() (record Record, ok bool, err error) {
	data, err := os.ReadFile(l.Path("lab.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("reading the record of lab %s: %w", l.Name, err)
	}
	record.Profile = Default // of a lab that was started before there were others
	if err := json.Unmarshal(data, &record); err != nil {
		return Record{}, false, fmt.Errorf("reading the record of lab %s: %w", l.Name, err)
	}
	return record, true, nil
}

// Save replaces the lab's record in one step.
func (l Lab) Save(record Record) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the record of lab %s: %w", l.Name, err)
	}
	next := l.Path("lab.json.next")
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the record of lab %s: %w", l.Name, err)
	}
	if err := os.Rename(next, l.Path("lab.json")); err != nil {
		return fmt.Errorf("writing the record of lab %s: %w", l.Name, err)
	}
	return nil
}
