// Package cli is the lab's command line: one file a command, over the packages
// that do the work.
package cli
