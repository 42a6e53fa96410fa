// Package state knows where a lab keeps its files and what it is called in the
// kernel: one name gives its folder, its namespaces and its cgroups, so that
// labs live side by side and each finds all that is its own, also after a crash.
package state
