// Package bundle packs what a run left into one archive that says of each of
// its files what it was, and tells later what of it was altered. The archive is
// a gzip-compressed tar of regular files in the order of their names, all of one
// time, behind a manifest: an in-toto statement whose subjects are the files, by
// their SHA-256 digests, and, where a key is given, a DSSE envelope with that
// statement, signed. The same files give the same bytes, but for the signature
// of a key whose kind takes chance for each.
package bundle
