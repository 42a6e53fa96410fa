// Package probes is how an attempt is tried: the lines that travel between the
// runner and a probe pod, the sources that try, the targets that record every
// arrival and answer only the holder of a good token, and the classes that an
// attempt can end in.
//
// A probe pod runs one [Server]: a [Source], and, except in source-only pods, a
// [Target]. The runner holds the keys: it computes the token of each attempt
// ([Key.Token]), sends it to the source, verifies the answer that comes back
// ([Authenticate]) and names the outcome ([Classify]). A source never sees a key.
package probes
