// Package pki makes the lab's certificates: one authority a lab, born and
// deleted with it, and an identity of its own for every component.
package pki
