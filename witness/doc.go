// Package witness is the far end of what leaves a cluster: a small server that
// the user runs outside, and the client by which a run asks it what arrived.
// Towards the internet it is a target as probe pods are ([probes.Target]): it
// records each arrival in bounded memory and answers good tokens only. What it
// recorded it tells over TLS, on a port of its own, to holders of its key.
package witness
