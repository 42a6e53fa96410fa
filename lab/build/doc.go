// Package build compiles what a lab runs, from the modules that pin it, once:
// a stamp beside each binary tells whether its module, its flags or the
// compiler have changed since.
package build
