//go:build !carry_probe

package carried

import "embed"

// files are none: a plain build works in a clean clone.
var files embed.FS
