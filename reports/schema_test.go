package reports

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/partywall/partywall/verdicts"
)

func TestRecordsAreAsTheSchemaHasThem(t *testing.T) {
	schema := schemaOf(t, Schema)
	records := map[string]*verdicts.Record{
		"three tenants":  fakeRun(3),
		"twelve tenants": fakeRun(12),
		"nothing at all": {Results: verdicts.List{}},
		"shadows": {Results: verdicts.List{}, Header: verdicts.Header{File: &verdicts.File{Path: "t.yaml", Line: 3},
			Tenants: []verdicts.TenantRow{{Name: "acme", Line: 4, Shadows: []verdicts.Side{{Tenant: "acme", Namespace: "web", Workload: "Deployment/api"}}}}}},
	}
	for name, s := range hostile {
		records[name] = hostileRecord(s)
	}
	for name, rec := range records {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, JSON{}.Write(&b, rec))
			assertValid(t, schema, b.Bytes())
		})
	}
	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, Begin([]Spec{{JSON{}, path}}, fakeRun(3).Header))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assertValid(t, schema, text)
}

func TestTheSchemaRefusesWhatIsNoRecord(t *testing.T) {
	schema := schemaOf(t, Schema)
	var b bytes.Buffer
	require.NoError(t, JSON{}.Write(&b, fakeRun(3)))
	for _, change := range [][2]string{
		{`"kind":"Results"`, `"kind":"Pod"`}, {`"verdict":"leak"`, `"verdict":"fine"`}, {`"exit":1`, `"exit":"1"`},
		{`"started":"2026-11-24T03:00:00Z"`, `"started":"yesterday"`}, {`"summary":`, `"end":`}, {`"fails":true`, `"fails":1`},
	} {
		changed := strings.ReplaceAll(b.String(), change[0], change[1])
		require.NotEqual(t, b.String(), changed, change)
		value := any(nil)
		require.NoError(t, json.Unmarshal([]byte(changed), &value))
		assert.Error(t, schema.Validate(value), change)
	}
}

// schemaNode is a part of a schema.
type schemaNode struct {
	Ref        string `json:"$ref"`
	Properties map[string]*schemaNode
	Required   []string
	Items      *schemaNode
	Defs       map[string]*schemaNode `json:"$defs"`
}

// TestTheSchemaHasEveryField holds the schema against the types that are
// written, so that a field which one of them gains or loses is not forgotten.
func TestTheSchemaHasEveryField(t *testing.T) {
	var root schemaNode
	require.NoError(t, json.Unmarshal(Schema, &root))
	var compare func(where string, of reflect.Type, node *schemaNode)
	compare = func(where string, of reflect.Type, node *schemaNode) {
		require.NotNil(t, node, where)
		if name, isRef := strings.CutPrefix(node.Ref, "#/$defs/"); isRef {
			node = root.Defs[name]
			require.NotNil(t, node, where)
		}
		switch of.Kind() {
		case reflect.Pointer:
			compare(where, of.Elem(), node)
		case reflect.Slice:
			compare(where+"[]", of.Elem(), node.Items)
		case reflect.Struct:
			if of == reflect.TypeFor[time.Time]() {
				return
			}
			var names, required []string
			for i := range of.NumField() {
				name, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
				names = append(names, name)
				if options == "" {
					required = append(required, name)
				}
				compare(where+"."+name, of.Field(i).Type, node.Properties[name])
			}
			var has []string
			for name := range node.Properties {
				has = append(has, name)
			}
			assert.ElementsMatch(t, names, has, where)
			assert.ElementsMatch(t, required, node.Required, where)
		}
	}
	compare("header", reflect.TypeFor[verdicts.Header](), root.Properties["header"])
	compare("results", reflect.TypeFor[[]verdicts.Result](), root.Properties["results"])
	compare("summary", reflect.TypeFor[verdicts.Summary](), root.Properties["summary"])
}
