package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// row is a case with what it came to.
type row struct {
	benchCase
	figures
}

func (r row) name() string {
	return fmt.Sprintf("%s/%s/%d/%s", r.Kind, r.Work, len(r.Tenants), r.Wall)
}

// measuring is a bench under way.
type measuring struct {
	settings
	self string
	end  time.Time
	rows []row
}

func measure(ctx context.Context, s settings) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	m := &measuring{settings: s, self: self, end: time.Now().Add(s.budget)}
	if s.kubeconfig != "" {
		if err := m.onLab(ctx); err != nil {
			return err
		}
	}
	for _, n := range s.simulated {
		if err := m.simulate(ctx, n); err != nil {
			return err
		}
	}
	m.print(os.Stdout)
	return m.compare(os.Stdout)
}

// onLab measures every size with closed and with open walls. The walls of all
// sizes are changed at once, and given time to reach the nodes by what is
// measured first, the baseline's own deploying.
func (m *measuring) onLab(ctx context.Context) (err error) {
	w, err := newLabWorld(ctx, m.kubeconfig, slices.Max(slices.Concat(m.sizes, m.full)))
	if w != nil {
		defer func() { err = errors.Join(err, w.remove(context.WithoutCancel(ctx))) }()
	}
	if err != nil {
		return err
	}
	for _, wall := range []string{closed, open} {
		if err := w.walls(ctx, wall); err != nil {
			return err
		}
		for _, n := range m.sizes {
			for _, kind := range []string{kindBaseline, kindLab} {
				if err := m.one(ctx, m.labCase(kind, w.tenants[:n], workFour, wall)); err != nil {
					return err
				}
			}
		}
		for _, n := range m.full {
			if err := m.one(ctx, m.labCase(kindLab, w.tenants[:n], workFull, wall)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *measuring) labCase(kind string, tenants []string, work, wall string) benchCase {
	return benchCase{
		Kind: kind, Kubeconfig: m.kubeconfig, Lab: m.lab, Image: m.image, Tenants: tenants, Work: work, Wall: wall,
		Deadline: m.deadline, Rate: m.rate, Sample: m.sample,
	}
}

// one measures a case in a process of its own. A case that the budget has no
// room for is left out, and the table says so.
func (m *measuring) one(ctx context.Context, c benchCase) error {
	r := row{benchCase: c}
	if time.Now().After(m.end) {
		r.NotBefore = "not measured: the time was up"
		m.rows = append(m.rows, r)
		return nil
	}
	fmt.Fprintf(os.Stderr, "bench: %s\n", r.name())
	if m.profile != "" {
		c.Profile = filepath.Join(m.profile, strings.ReplaceAll(r.name(), "/", "-"))
	}
	out, err := m.child(ctx, c).Output()
	if err != nil {
		return fmt.Errorf("measuring %s: %w", r.name(), err)
	}
	if err := json.Unmarshal(out, &r.figures); err != nil {
		return fmt.Errorf("measuring %s: %w", r.name(), err)
	}
	m.rows = append(m.rows, r)
	return nil
}

func (m *measuring) child(ctx context.Context, c benchCase) *exec.Cmd {
	text, _ := json.Marshal(c) // plain data
	child := exec.CommandContext(ctx, m.self, "-case", string(text))
	child.Stderr = os.Stderr
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) } // a run cleans up
	child.WaitDelay = time.Minute
	return child
}

// simulate measures one size against a cluster that another process plays, so
// that the runner's memory is its own.
func (m *measuring) simulate(ctx context.Context, n int) error {
	var tenants []string
	for i := range n {
		tenants = append(tenants, fmt.Sprintf("sim-%03d", i))
	}
	for _, wall := range []string{closed, open} {
		c := m.labCase(kindSim, tenants, workFour, wall)
		c.Parts = m.parts
		if err := m.simulateOne(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (m *measuring) simulateOne(ctx context.Context, c benchCase) error {
	played, stop := context.WithCancel(ctx)
	defer stop()
	cluster := c
	cluster.Kind = kindCluster
	child := m.child(played, cluster)
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	defer func() {
		stop()
		_ = child.Wait() // it was told to end
	}()
	server, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("starting the simulated cluster: %w", err)
	}
	c.Server = strings.TrimSpace(server)
	return m.one(ctx, c)
}
