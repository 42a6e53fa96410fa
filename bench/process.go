package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
)

// peak is the most memory that a process had at any time, in megabytes, as the
// kernel of Linux tells it; 0 elsewhere.
func peak(process string) float64 {
	status, err := os.ReadFile(filepath.Join("/proc", process, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64) // 0 where it is none
			return kb / 1024
		}
	}
	return 0
}

// probePeak is the peak of the largest probe in a lab, whose pods are
// processes of this machine; 0 where none can be seen.
func probePeak(lab string) float64 {
	var most float64
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, p := range processes {
		command, _ := os.ReadFile(filepath.Join(p, "cmdline")) // those that just ended have none
		if !bytes.HasPrefix(command, []byte("/probe\x00serve")) {
			continue
		}
		group, _ := os.ReadFile(filepath.Join(p, "cgroup"))
		if bytes.Contains(group, []byte("/partywall-"+lab+"/")) {
			most = max(most, peak(filepath.Base(p)))
		}
	}
	return most
}

// cpuSeconds is what this process has used of the processors.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// startProfile writes a profile of the processors until it is told to stop.
func startProfile(prefix string) (stop func(), err error) {
	if prefix == "" {
		return func() {}, nil
	}
	f, err := os.Create(prefix + ".cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}, nil
}

// heapProfile writes down what holds memory now.
func heapProfile(prefix string) {
	if prefix == "" {
		return
	}
	runtime.GC()
	f, err := os.Create(prefix + ".heap")
	if err == nil {
		err = pprof.WriteHeapProfile(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}
