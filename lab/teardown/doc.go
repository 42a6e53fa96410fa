// Package teardown removes a lab: its processes, namespaces, mounts, cgroups
// and files, found by the lab's name alone, so that it also works after a crash.
// Then it looks, and names what is still there.
package teardown
