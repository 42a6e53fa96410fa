// Package tenancy holds the user's statement of who shares a cluster: which
// tenants there are, what they share, what may cross between them, and which
// leaks are accepted until when. It reads that statement strictly, and finds
// in a cluster the namespaces that it speaks of.
package tenancy
