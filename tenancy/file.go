package tenancy

import (
	"fmt"
	"io"
	"os"
)

const (
	apiVersion = "partywall.dev/v1alpha1"
	kind       = "Tenancy"
)

// File is the user's statement as the file makes it, before it is held against
// a cluster.
type File struct {
	Path       string
	Text       []byte   // that it was read from
	Name       string   // metadata.name, or empty
	ByLabel    string   // the namespace label that names tenants; empty where they are only listed
	List       []Tenant // tenants spelled out, in the file's order
	Ignore     []string // globs over namespace names
	Shared     []Shared
	Crossings  []Crossing
	Exceptions []Exception
	Severities []CheckSeverity
	Services   []Service
	Shadows    []Shadow
	Promises   Promises
	FailOn     Severity

	// Places, for what can only be said beside the cluster.
	tenantsAt position
	ignoreAt  []position
	sharedAt  []sharedPlace
	serviceAt []position // of the services' namespaces
	mentions  []named    // every tenant that a crossing or a shared service names
	tenantAt  map[string]position
	claims    map[string]claim
}

// named is a name and where the file says it.
type named struct {
	name string
	at   position
}

// sharedPlace is where the file names a shared service and its namespace.
type sharedPlace struct{ name, namespace position }

// claim is the tenant that a namespace is listed for.
type claim struct {
	tenant string
	at     position
}

// newFile is what a file that states nothing means.
func newFile(path string) *File {
	return &File{
		Path:     path,
		ByLabel:  DefaultLabel,
		FailOn:   High,
		tenantAt: map[string]position{},
		claims:   map[string]claim{},
	}
}

// places are the lines of what the file says of its tenants; none without one.
func (f *File) places() Places {
	p := Places{Tenants: f.tenantsAt.line}
	for name, at := range f.tenantAt {
		if p.Tenant == nil {
			p.Tenant = map[string]int{}
		}
		p.Tenant[name] = at.line
	}
	return p
}

// Load reads a tenancy file. What is wrong with it, or with reading it, comes
// back as Errors.
func Load(path string) (*File, error) {
	data, err := read(path)
	if err != nil {
		return nil, Errors{{Path: path, Message: fmt.Sprintf("reading the tenancy file: %v", err)}}
	}
	return Parse(path, data)
}

// read takes one byte more than a file may have, so that Parse sees that there
// are more, and no more than that.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}

// Parse reads the tenancy file of this path from memory. All that is wrong
// with it comes back together, as Errors.
func Parse(path string, data []byte) (*File, error) {
	p := &problems{path: path}
	root := document(data, p)
	if root == nil {
		return nil, p.err()
	}
	d := &decoder{
		problems:   p,
		file:       newFile(path),
		budget:     size(root) + maxAliased,
		sharedLine: map[string]int{},
	}
	d.file.Text = data
	d.root(root)
	d.check()
	if err := p.err(); err != nil {
		return nil, err
	}
	return d.file, nil
}
