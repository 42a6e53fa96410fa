// Package probes is how things are tried: the lines that travel between the
// runner and a probe, the sources that attempt, the targets that answer and
// keep receipts, and the one function that turns what was seen into an
// outcome.
package probes
