// Command bench measures what a run of Partywall costs: on a lab, beside a
// baseline that makes one exec for each attempt, and against a simulated
// cluster of hundreds of tenants. docs/benchmarks.md says how to read it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/partywall/partywall/runner"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are what a user chooses.
type settings struct {
	kubeconfig string
	lab        string
	image      string
	sizes      []int
	full       []int
	simulated  []int
	deadline   time.Duration
	rate       int
	sample     int
	parts      int
	budget     time.Duration
	recorded   string
	record     bool
	profile    string
}

func bench(ctx context.Context, args []string) error {
	var s settings
	sizes, full, simulated, one := "", "", "", ""
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "of the lab; empty leaves its part out")
	f.StringVar(&s.lab, "lab", "default", "name of the lab, by which its probes are found among the machine's processes")
	f.StringVar(&s.image, "image", "ghcr.io/partywall/probe:0.1.0", "of the probe")
	f.StringVar(&sizes, "tenants", "3,10,30", "sizes on the lab, four attempts a pair")
	f.StringVar(&full, "full", "30", "sizes on the lab, the full matrix")
	f.StringVar(&simulated, "simulate", "100,500", "sizes of the simulation, four attempts a pair")
	f.DurationVar(&s.deadline, "deadline", 2*time.Second, "of one attempt")
	f.IntVar(&s.rate, "rate", 100000, "attempts a second from one node")
	f.IntVar(&s.sample, "sample", 60, "attempts of the baseline that are made; the rest is reckoned from them")
	f.IntVar(&s.parts, "parts", 16, "parts of the plan that a simulation tries, of some 6,000 attempts each; 0 for all")
	f.DurationVar(&s.budget, "budget", 9*time.Minute, "after which no further case is begun")
	f.StringVar(&s.recorded, "recorded", "bench/recorded.json", "ratios to compare with")
	f.BoolVar(&s.record, "record", false, "write the ratios down instead of comparing them")
	f.StringVar(&s.profile, "profile", "", "folder for pprof profiles of each case")
	f.StringVar(&one, "case", "", "one case as JSON, measured in this process; bench calls itself with it")
	if err := f.Parse(args); err != nil {
		return err
	}
	if one != "" {
		return runCase(ctx, one)
	}
	for text, into := range map[string]*[]int{sizes: &s.sizes, full: &s.full, simulated: &s.simulated} {
		if err := parseSizes(text, into); err != nil {
			return err
		}
	}
	return measure(ctx, s)
}

func parseSizes(text string, into *[]int) error {
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 2 {
			return fmt.Errorf("%q is no number of tenants: at least two make a pair", word)
		}
		*into = append(*into, n)
	}
	return nil
}

// runCase measures one case and prints its figures as JSON.
func runCase(ctx context.Context, text string) error {
	var c benchCase
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return fmt.Errorf("reading the case: %w", err)
	}
	if c.Kind == kindCluster {
		return serveSimulation(ctx, c)
	}
	stop, err := startProfile(c.Profile)
	if err != nil {
		return err
	}
	var figures *figures
	if c.Kind == kindBaseline {
		figures, err = runBaseline(ctx, c)
	} else {
		runner.SaveMemory() // as the command does
		figures, err = runPartywall(ctx, c)
	}
	stop()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}
