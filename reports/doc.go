// Package reports renders a judged run: the record on disk that survives a
// killed runner, the files that other tools read, and the matrix and findings
// that people read.
//
// A report needs only a verdicts.Record: no cluster, no earlier step. Strings
// that a tenant can choose are data here, and are made harmless for the
// medium that they are written to (see Harmless).
package reports
