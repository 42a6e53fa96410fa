// Package workloads finds what runs in tenants' namespaces and is not what the
// probes stand for: pods that NetworkPolicies treat unlike a probe, since its
// labels are others. What a run proves of a namespace does not hold for them.
package workloads
