// Package outside is what lies beyond a lab's cluster: hosts of an internet by
// address and by name, a resolver that is also the authority of a canary zone,
// and a cloud's metadata service. All of it lives in the lab's outer network
// namespace and writes down who came, so that a test need not trust the word of
// the pod that tried.
package outside
