package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/lab/build"
	"github.com/partywall/partywall/lab/images"
	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
	"github.com/partywall/partywall/lab/teardown"
)

func newUp(streams Streams, o *options) *cobra.Command {
	var archives []string
	var dualStack bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the lab; a lab that is up stays as it is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			lab.DualStack = dualStack
			profile, err := o.profile()
			if err != nil {
				return err
			}
			return o.up(cmd.Context(), streams, lab, profile, archives)
		},
	}
	o.addSource(cmd)
	o.addProfile(cmd)
	cmd.Flags().StringArrayVar(&archives, "probe-image", nil, "docker archive of an image that every node gets (can be given again)")
	cmd.Flags().BoolVar(&dualStack, "dual-stack", false, "give nodes, pods and Services IPv6 addresses too")
	return cmd
}

func (o *options) up(ctx context.Context, streams Streams, lab state.Lab, profile state.Profile, archives []string) error {
	if err := errors.Join(requireRoot(), requireTools()); err != nil {
		return err
	}
	archives, err := checkArchives(archives)
	if err != nil {
		return err
	}
	// Asked before anything is compiled that the lab could not take, and again
	// once nobody else can start it.
	if _, err := admit(ctx, lab, profile); err != nil {
		return err
	}
	if err := o.build(ctx, streams, lab, profile); err != nil {
		return err
	}
	archives = append(archives, build.Archives(lab, profile)...)
	lock, err := lab.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	status, err := admit(ctx, lab, profile)
	if err != nil {
		return err
	}
	if status.State == stateUp {
		return refresh(ctx, streams, lab, archives)
	}
	if status.State == stateBroken {
		fmt.Fprintf(streams.Err, "lab %s is broken and starts anew: %s\n", lab.Name, status.Why)
	}
	return start(ctx, streams, lab, profile, archives)
}

// admit looks at the lab and fails where it cannot be one of that profile.
func admit(ctx context.Context, lab state.Lab, profile state.Profile) (Status, error) {
	status, err := inspect(ctx, lab)
	if err != nil {
		return status, err
	}
	return status, status.refuses(profile)
}

// refuses says what to do where a lab that is up has another profile: it is not
// changed behind the back of whoever uses it.
func (s *Status) refuses(profile state.Profile) error {
	if s.State != stateUp || s.Profile == profile {
		return nil
	}
	return fmt.Errorf("lab %s is up with the profile %s, and not %s: take it down first (make lab-down), give another name (LAB=other), or ask for what it is (PROFILE=%s)",
		s.Name, s.Profile, profile, s.Profile)
}

// refresh brings images that have changed into the nodes of a running lab.
func refresh(ctx context.Context, streams Streams, lab state.Lab, archives []string) error {
	record, _, err := lab.Load()
	if err != nil {
		return err
	}
	if lab.DualStack && !record.DualStack {
		return fmt.Errorf("lab %s is up with IPv4 alone: take it down first, or give another --name", lab.Name)
	}
	for _, node := range lab.Nodes() {
		store := images.Store{
			Ctr:    lab.Bin("ctr"),
			Socket: images.Socket(record.Components["holder-"+node.Name].PID),
			Family: processes.NewFamily(),
		}
		for _, archive := range archives {
			imported, err := store.Sync(ctx, archive)
			if err != nil {
				return fmt.Errorf("importing %s into %s: %w", archive, node.Name, err)
			}
			if imported {
				fmt.Fprintf(streams.Err, "lab %s: %s has a new %s\n", lab.Name, node.Name, filepath.Base(archive))
			}
		}
	}
	fmt.Fprintf(streams.Err, "lab %s is up\n", lab.Name)
	return nil
}

// start removes what may be left of an earlier lab, and starts a new one. What
// a failed start made is removed, except for its logs.
func start(ctx context.Context, streams Streams, lab state.Lab, profile state.Profile, archives []string) error {
	since := time.Now()
	if err := teardown.Remove(ctx, lab, false); err != nil {
		return fmt.Errorf("clearing the place: %w", err)
	}
	say := func(text string) {
		fmt.Fprintf(streams.Err, "lab %s: %s (%.1f s)\n", lab.Name, text, time.Since(since).Seconds())
	}
	err := launchSupervisor(ctx, lab, profile, archives, say)
	if err == nil {
		say("up")
		return nil
	}
	failed := fmt.Errorf("lab %s did not start (its logs are kept in %s): %w", lab.Name, lab.Path("logs"), err)
	// An interrupt that stopped the start must not stop the cleaning.
	return errors.Join(failed, teardown.Remove(context.WithoutCancel(ctx), lab, true))
}

// launchSupervisor starts the supervisor and follows it until the lab is ready.
func launchSupervisor(ctx context.Context, lab state.Lab, profile state.Profile, archives []string, say func(string)) error {
	reports, reportsEnd, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	defer reports.Close()
	cmd, err := supervisorCommand(lab, profile, archives)
	if err != nil {
		_ = reportsEnd.Close()
		return err
	}
	cmd.ExtraFiles = []*os.File{reportsEnd}
	lifeline, err := startSupervisor(lab, profile, cmd)
	_ = reportsEnd.Close()
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	defer lifeline.Close()
	// An interrupt lets go of the supervisor, which then ends.
	stop := context.AfterFunc(ctx, func() { _ = lifeline.Close() })
	defer stop()
	if err := follow(reports, say); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return nil
}

// supervisorCommand is a process of its own session: no terminal's interrupt
// reaches it.
func supervisorCommand(lab state.Lab, profile state.Profile, archives []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the lab's own binary: %w", err)
	}
	args := []string{"supervise", "--name", lab.Name, "--profile", string(profile)}
	if lab.DualStack {
		args = append(args, "--dual-stack")
	}
	for _, archive := range archives {
		args = append(args, "--archive", archive)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

// startSupervisor starts the process, writes down which it is, and only then
// lets it begin: whatever it makes can be found from the first moment on. What
// it returns keeps a supervisor that is not ready yet alive.
func startSupervisor(lab state.Lab, profile state.Profile, cmd *exec.Cmd) (lifeline io.WriteCloser, err error) {
	if err := os.MkdirAll(lab.Path("logs"), 0o755); err != nil {
		return nil, err
	}
	log, err := os.Create(lab.Log("supervisor"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if lifeline, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// Waited for, so that one that ends is not left defunct.
	go func() { _ = cmd.Wait() }()
	identity, err := processes.Identify(cmd.Process.Pid)
	if err == nil {
		err = lab.Save(state.Record{Profile: profile, Supervisor: identity})
	}
	if err == nil {
		_, err = lifeline.Write([]byte{begin})
	}
	if err != nil {
		_ = lifeline.Close()
	}
	return lifeline, err
}

// follow relays the supervisor's messages until it is ready or has failed.
func follow(reports io.Reader, say func(string)) error {
	decoder := json.NewDecoder(reports)
	for {
		var m message
		if err := decoder.Decode(&m); err != nil {
			return errors.New("the supervisor ended without a word; see its log")
		}
		switch {
		case m.Error != "":
			return errors.New(m.Error)
		case m.Ready:
			return nil
		}
		say(m.Progress)
	}
}

func checkArchives(archives []string) ([]string, error) {
	var checked []string
	for _, archive := range archives {
		absolute, err := filepath.Abs(archive)
		if err != nil {
			return nil, err
		}
		if _, err := images.Contents(absolute); err != nil {
			return nil, err
		}
		checked = append(checked, absolute)
	}
	return checked, nil
}

func requireRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("the lab makes namespaces and cgroups: run it as root")
	}
	return nil
}

// requireTools names the Debian packages whose commands are missing.
func requireTools() error {
	packages := map[string]string{
		"runc": "runc", "ip": "iproute2", "nft": "nftables", "iptables": "iptables", "conntrack": "conntrack",
		"clang-19": "clang-19", "nsenter": "util-linux", "unshare": "util-linux",
	}
	var missing []string
	for command, pkg := range packages {
		if _, err := exec.LookPath(command); err != nil {
			missing = append(missing, fmt.Sprintf("%s (Debian package %s)", command, pkg))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("commands that the lab needs are missing: %s", strings.Join(missing, ", "))
	}
	return nil
}
