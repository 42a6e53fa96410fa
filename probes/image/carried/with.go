//go:build carry_probe

package carried

import "embed"

// files are what the Makefile put here: a tagged build without them fails.
//
//go:embed probe-linux-amd64.gz probe-linux-arm64.gz
var files embed.FS
