// Package network is the lab's wiring: an outer network namespace without an
// uplink that holds a bridge, the control plane and the simulated outside, and
// one further namespace a node. Nothing in it reaches the machine's network.
package network
