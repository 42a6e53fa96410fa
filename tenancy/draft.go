package tenancy

import (
	"bytes"
	_ "embed" // the draft's template
	"fmt"
	"strings"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"
)

// ByLabel is the file that states nothing but the namespace label that names
// tenants.
func ByLabel(key string) (*File, error) {
	if err := checkLabelKey(key); err != nil {
		return nil, err
	}
	f := newFile("")
	f.ByLabel = key
	return f, nil
}

//go:embed draft.yaml.tmpl
var draftText string

var draft = template.Must(template.New("draft").Funcs(template.FuncMap{"join": joined}).Parse(draftText))

// Draft writes the first tenancy file of a cluster, with comments, out of what
// was discovered there by a label. What it states is what was found; the rest
// is shown, and left to whoever knows.
func Draft(found *Tenancy, label, context string, now time.Time) ([]byte, error) {
	from, to := found.Tenants[0].Name, found.Tenants[1].Name
	values := struct {
		Context, Day, Name, Label, From, To, FromID, ToID, Space, Expires string
		Tenants                                                           []Tenant
		Unclaimed, Ignored                                                []string
	}{
		Context: quote(context), Day: now.UTC().Format(time.DateOnly),
		Label: scalar(label), From: scalar(from), To: scalar(to), FromID: from, ToID: to, Space: scalar(found.Tenants[1].Namespaces[0]),
		Expires: now.UTC().AddDate(1, 0, 0).Format(time.DateOnly),
		Tenants: found.Tenants, Unclaimed: found.Unclaimed, Ignored: found.Ignored,
	}
	// A context may be called what no tenancy can, and the file then has no name.
	if checkFileName(context) == nil {
		values.Name = scalar(context)
	}
	var out bytes.Buffer
	if err := draft.Execute(&out, values); err != nil {
		return nil, fmt.Errorf("filling in the draft of a tenancy file: %w", err)
	}
	return out.Bytes(), nil
}

// joined lists names as a YAML flow does.
func joined(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = scalar(name)
	}
	return strings.Join(quoted, ", ")
}

// scalar spells a name so that YAML reads it as a string: with quotes, where
// it looks like a number or a boolean.
func scalar(name string) string {
	text, err := yaml.Marshal(name)
	if err != nil {
		return quote(name)
	}
	return strings.TrimSpace(string(text))
}
