// Package probes is how an attempt is tried: the lines that travel between the
// runner and a probe pod, the sources that try, the targets that record every
// arrival and answer only the holder of a good token, and the classes that an
// attempt can end in.
//
// A probe pod runs one [Server]: a [Source], and, except in source-only pods, a
// [Target]. The runner holds the keys: it computes the token of each attempt
// ([Key.Token]), sends it to the source, verifies the answer that comes back
// ([Authenticate]) and names the outcome ([Classify]). A source never sees a key.
//
// What an answer proves depends on who gave it:
//
//   - Our targets sign: over HTTP, HTTP/2 without TLS, TLS, TCP, UDP, SCTP, and in the
//     banner of a listener that speaks first. Each arrival is a receipt.
//   - A kernel echoes over ICMP. The nonce came back, so somebody at the address
//     answered; nobody signed it and no target saw it.
//   - Services that are not ours, DNS servers among them, are only looked at: that
//     a connection stood, a status without its body, the data of a name. There
//     are no receipts.
package probes
