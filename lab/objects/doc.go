// Package objects reads manifests and kustomizations, and makes a cluster's
// objects those that they describe: the lab does without kubectl.
package objects
