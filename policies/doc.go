// Package policies tells from a cluster's NetworkPolicies why something got
// through: which of them let it pass, or that none of them stands in its way.
// It goes by the words of the API
// (https://kubernetes.io/docs/concepts/services-networking/network-policies/)
// and judges nothing: what a run saw is what counts, and the objects only say
// where to look.
package policies
