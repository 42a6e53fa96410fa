// Package manifests holds the objects that every lab starts with.
package manifests

import "embed"

// Files are the manifests, applied in the order of their names.
//
//go:embed *.yaml
var Files embed.FS
