// Package cgroups makes, searches and removes the lab's cgroups: the same path
// below the root of every mounted hierarchy, of version 1 and of version 2.
package cgroups
