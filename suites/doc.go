// Package suites says what is tried. A suite turns a tenancy into attempts;
// this package holds what an attempt is and the list of the suites there are.
package suites
