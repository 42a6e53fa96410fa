// Package cluster starts a lab's components in the order in which they need
// each other, and watches that none of them ends. It runs in the supervisor.
package cluster
