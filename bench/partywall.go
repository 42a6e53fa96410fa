package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/verdicts"
)

// fullest is when a run holds most: two parts, the first with all that it saw.
const fullest = "round 2 of 2: receipts"

// runPartywall measures one run, on a lab or a simulated cluster.
func runPartywall(ctx context.Context, c benchCase) (*figures, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	starts, err := watchStarts(ctx, c, config)
	if err != nil {
		return nil, err
	}
	counted := newCounter()
	config = rest.CopyConfig(config)
	config.Wrap(counted.wrap)
	cluster, err := runner.NewCluster(config, "bench")
	if err != nil {
		return nil, err
	}
	t := c.tenancy()
	plan, err := c.plan(t)
	if err != nil {
		return nil, err
	}
	f := &figures{Outcomes: map[string]int{}, Verdicts: map[string]int{}}
	clock := &stopwatch{begun: time.Now(), before: func(name string) {
		if strings.HasPrefix(name, "removing") {
			f.ProbeMB = probePeak(c.Lab)
		}
		if name == fullest {
			heapProfile(c.Profile)
		}
	}}
	judging := verdicts.NewJudging(t, time.Now())
	results := json.NewEncoder(io.Discard) // as a spool writes them to a disk
	judge := func(cases iter.Seq[verdicts.Case], controls []verdicts.Case) {
		for r := range judging.Part(cases, controls) {
			judging.Sensitivity().Hold(&r)
			f.Attempts++
			f.Verdicts[string(r.Verdict)]++
			_ = results.Encode(r) // nowhere is always there
		}
	}
	outcome, err := runner.Run(ctx, cluster, t, runner.NewID(), c.parts(plan), judge, runner.Options{
		Image: c.Image, Deadline: c.Deadline, DeployTimeout: 3 * time.Minute, MaxDuration: time.Hour, Rate: c.Rate,
		Progress: clock, Observed: observed(),
	})
	if err != nil {
		return nil, err
	}
	clock.Phase("")
	f.PeakMB = peak("self")
	f.Phases, f.Calls, f.Execs, f.CPU = clock.phases, counted.calls, counted.execs, cpuSeconds()
	f.Slowest = starts()
	clock.fill(f)
	if len(outcome.Left) > 0 {
		return nil, fmt.Errorf("the run left something behind: %s", strings.Join(outcome.Left, "; "))
	}
	return f, nil
}

// observed writes what is seen to nowhere, as a spool does to a disk.
func observed() func(any) {
	var mu sync.Mutex
	out := json.NewEncoder(io.Discard)
	return func(v any) {
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(v) // nowhere is always there
	}
}

// stopwatch takes the time of each phase of a run.
type stopwatch struct {
	begun  time.Time
	last   time.Time
	name   string
	phases []phase
	before func(name string)
}

// Phase ends one phase and begins the next.
func (s *stopwatch) Phase(name string) {
	if s.last.IsZero() {
		s.last, s.name = s.begun, "looking at nodes"
	}
	now := time.Now()
	s.phases = append(s.phases, phase{s.name, now.Sub(s.last).Seconds()})
	s.name, s.last = name, now
	s.before(name)
}

// Note is of no interest here.
func (s *stopwatch) Note(string) {}

// fill reads the figures out of the phases.
func (s *stopwatch) fill(f *figures) {
	warm := false
	for _, p := range s.phases {
		f.Whole += p.Seconds
		warm = warm || strings.HasPrefix(p.Name, "waiting for the controls")
		if !warm {
			f.First += p.Seconds
		}
		if strings.HasPrefix(p.Name, "round 1 ") {
			f.Round += p.Seconds
			if strings.HasSuffix(p.Name, " attempts") {
				f.Probing += p.Seconds
			}
		}
	}
}
