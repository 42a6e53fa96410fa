package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/partywall/partywall/lab/processes"
)

// ComponentError tells that a component of the lab ended.
type ComponentError struct {
	// Name is the component's.
	Name string
	// Log is the end of its log.
	Log string
	err error
}

// Error says what ended, how, and what it said last.
func (e *ComponentError) Error() string {
	return fmt.Sprintf("%s ended (%v); the end of its log:\n%s", e.Name, e.err, e.Log)
}

// Unwrap gives the error of the process.
func (e *ComponentError) Unwrap() error { return e.err }

// launch starts a long-running component and cancels the cluster's context when
// it ends.
func (c *Cluster) launch(name string, env []string, argv ...string) error {
	log, err := os.OpenFile(c.lab.Log(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(environment(c.lab.Bin()), env...)
	if err := c.family.Start(cmd); err != nil {
		return err
	}
	identity, err := processes.Identify(cmd.Process.Pid)
	if err == nil {
		err = c.recordComponent(name, identity)
	}
	go func() {
		ended := c.family.Wait(cmd)
		if ended == nil {
			ended = fmt.Errorf("exit status 0")
		}
		c.stop(&ComponentError{Name: name, Log: Tail(c.lab.Log(name)), err: ended})
	}()
	return err
}

// environment is the supervisor's own with the lab's binaries found first.
func environment(bin string) []string {
	env := []string{"PATH=" + bin + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"}
	for _, entry := range os.Environ() {
		// A proxy for the machine is none for the lab: everything is inside it.
		name := strings.ToUpper(strings.SplitN(entry, "=", 2)[0])
		if name != "PATH" && !strings.HasSuffix(name, "_PROXY") && name != "KUBECONFIG" {
			env = append(env, entry)
		}
	}
	return env
}

// inOuter is a command line that runs in the lab's outer network namespace.
func (c *Cluster) inOuter(binary string, args []string) []string {
	return append([]string{"nsenter", "--net=" + c.lab.Netns(), c.lab.Bin(binary)}, args...)
}

// inNode is a command line that runs in a node's namespaces.
func (c *Cluster) inNode(holder int, binary string, args []string) []string {
	return append([]string{"nsenter", fmt.Sprintf("--target=%d", holder), "--net", "--mount", c.lab.Bin(binary)}, args...)
}

const tailLines, tailBytes = 15, 16 << 10

// Tail is the end of a log.
func Tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	data = data[max(0, len(data)-tailBytes):]
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// cause prefers the reason for which a context was cancelled over the error
// that the cancelling made.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
