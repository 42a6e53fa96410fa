// Package hold is the process that keeps a node's private mount namespace: what
// is mounted there exists for the node alone and vanishes with it.
package hold
