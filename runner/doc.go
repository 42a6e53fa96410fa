// Package runner takes attempts to the cluster and brings observations back:
// it puts probe pods out, carries orders to them over one exec stream a pod,
// collects what their targets received, and removes all that it made.
package runner
