// Package mesh proves what the lab's Istio does before Partywall is asked: that
// each layer of the tenant baseline that users are shipped closes what it is
// there for, and nothing closes it before. Its tests need a lab with the profile
// mesh.
package mesh
