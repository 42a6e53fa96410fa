// Package images wraps static binaries as container images FROM scratch and
// carries image archives into the nodes: the lab has no registry.
package images
