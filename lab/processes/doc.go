// Package processes names processes so that a number used again by the kernel
// is never mistaken for one of the lab's, and keeps the lab's family of
// children, orphans included, from leaving defunct ones behind.
package processes
