package controls

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed *.yaml
var files embed.FS

// Framework is a catalogue of clauses.
type Framework struct {
	ID      string   `json:"id"` // as --framework has it: the name of the file
	Name    string   `json:"name"`
	Edition string   `json:"edition"`
	Clauses []Clause `json:"clauses"`
}

// Clause is one of a framework's, in our own words.
type Clause struct {
	ID      string   `json:"id"`
	About   string   `json:"about"`
	Cadence string   `json:"cadence"`          // how often evidence is wanted
	Checks  []string `json:"checks,omitempty"` // suite/check, * for any; none support it where there are none
	Needs   string   `json:"needs,omitempty"`  // beyond what any check can show
}

// All are the frameworks that there are, by their ids.
func All() ([]Framework, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []Framework
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		f := Framework{ID: strings.TrimSuffix(e.Name(), path.Ext(e.Name()))}
		if err := yaml.UnmarshalStrict(text, &f); err != nil {
			return nil, fmt.Errorf("reading the catalogue %s: %w", e.Name(), err)
		}
		all = append(all, f)
	}
	return all, nil
}

// Find is the framework of an id.
func Find(id string) (*Framework, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(f Framework) bool { return f.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("there is no framework %q; there is: %s", id, strings.Join(IDs(), ", "))
	}
	return &all[i], nil
}

// IDs are those of all frameworks.
func IDs() []string {
	var ids []string
	entries, _ := files.ReadDir(".") // it is in the program, and cannot fail
	for _, e := range entries {
		ids = append(ids, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return ids
}

// Supports says whether a check, suite/check, supports the clause.
func (c Clause) Supports(check string) bool {
	return slices.ContainsFunc(c.Checks, func(pattern string) bool {
		matched, err := path.Match(pattern, check)
		return matched && err == nil
	})
}
