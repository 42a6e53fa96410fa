// Package controls is the catalogues of control frameworks: for each clause
// what it is about, how often it wants evidence, and which checks of Partywall
// support it. A check never satisfies a clause: that takes an auditor, and more
// than a network.
package controls
