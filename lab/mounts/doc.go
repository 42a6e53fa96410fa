// Package mounts reads the kernel's table of mounts.
package mounts
