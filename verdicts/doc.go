// Package verdicts judges: it holds what was observed, on both sides and by
// the controls, against what the tenancy expects, and says which of the eight
// verdicts that is and why. It needs no cluster.
package verdicts
