// Package walls proves that the lab enforces NetworkPolicy, before Partywall is
// trusted to say so of any cluster. It shares no code with Partywall: pods of
// the lab's own prober are its witnesses.
package walls
