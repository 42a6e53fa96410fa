package images

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/partywall/partywall/lab/processes"
)

// Store is the image store of one node's containerd.
type Store struct {
	// Ctr is the path of containerd's own client.
	Ctr string
	// Socket is where the node's containerd listens, seen from this process.
	Socket string
	// Family starts the client.
	Family *processes.Family
}

// Sync imports the archive unless the store already holds every image in it.
// It reports whether it imported.
func (s Store) Sync(ctx context.Context, archive string) (imported bool, err error) {
	wanted, err := Contents(archive)
	if err != nil {
		return false, err
	}
	listing, err := s.run(ctx, "list")
	if err != nil {
		return false, err
	}
	if holdsAll(parseListing(listing), wanted) {
		return false, nil
	}
	if _, err = s.run(ctx, "import", archive); err != nil {
		return false, err
	}
	return true, s.await(ctx, wanted)
}

// awaitTimeout bounds how long the kubelet's side may take to notice an import.
const awaitTimeout = 30 * time.Second

// await waits until the kubelet's side has taken notice of what was imported.
// It learns of it by an event; until then, a tag that moved still means the
// old image to it. The client has no way to watch for that.
func (s Store) await(ctx context.Context, wanted map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	for {
		listing, err := s.run(ctx, "list")
		if err == nil && holdsAll(parseListing(listing), wanted) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the kubelet's side of containerd did not take notice of the imported images: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s Store) run(ctx context.Context, args ...string) (string, error) {
	full := append([]string{"--address", s.Socket, "--namespace", "k8s.io", "images"}, args...)
	out, err := s.Family.Run(exec.CommandContext(ctx, s.Ctr, full...))
	return string(out), err
}

// parseListing reads the table that the client prints: reference, type, digest.
func parseListing(table string) map[string]string {
	digests := map[string]string{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) >= 3 && strings.HasPrefix(fields[2], "sha256:") {
			digests[fields[0]] = fields[2]
		}
	}
	return digests
}

// holdsAll compares by id: the kubelet's side of containerd keeps for each
// image, beside its tags, a reference that is the id of its configuration.
func holdsAll(digests, wanted map[string]string) bool {
	for tag, id := range wanted {
		if digests[tag] == "" || digests[tag] != digests[id] {
			return false
		}
	}
	return true
}

// Socket is the path by which a process outside a node reaches the node's
// containerd: through the root folder of the process that holds the node.
func Socket(holder int) string {
	return fmt.Sprintf("/proc/%d/root/run/containerd/containerd.sock", holder)
}
