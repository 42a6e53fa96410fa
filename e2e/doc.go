// Package e2e tests partywall on a real cluster, the lab's: the whole matrix
// under each hole that is opened in it, and what a run does when what it leans
// on breaks. Its tests run under the identity of the shipped roles.
//
// They run where PARTYWALL_E2E is set, which `make test` does. The lab named by
// PARTYWALL_LAB is used where it is up, and otherwise brought up and taken down
// again. PARTYWALL_SEED and PARTYWALL_WORLDS say which worlds TestGeneratedWorlds
// draws, and how many.
package e2e
