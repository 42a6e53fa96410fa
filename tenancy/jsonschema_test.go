package tenancy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// editor is what an editor does with the schema.
func editor(t *testing.T) func(file string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("tenancy.json", schema))
	compiled, err := compiler.Compile("tenancy.json")
	require.NoError(t, err)
	return func(file string) error {
		text, err := yaml.YAMLToJSONStrict([]byte(file))
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

// beyondSchema are the refused files of which only the decoder can tell.
var beyondSchema = []string{
	"second document", "broken second document", // editors take documents one by one
	"duplicate tenant", "namespace in two tenants", "ignored tenant", "crossing of an unknown tenant",
	"shared service called as a tenant", "duplicate Service",
	"name server without a port", "duplicate shadow",
}

func TestTheSchemaRefusesWhatTheDecoderRefuses(t *testing.T) {
	check := editor(t)
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			if err := check(tt.file); slices.Contains(beyondSchema, tt.name) {
				assert.NoError(t, err, "it can tell after all: take it off the list")
			} else {
				assert.Error(t, err)
			}
		})
	}
}

func TestTheSchemaTakesWhatTheDecoderTakes(t *testing.T) {
	check := editor(t)
	demo, err := os.ReadFile("../manifests/demo/tenancy.yaml")
	require.NoError(t, err)
	onMesh, err := os.ReadFile("../manifests/demo/mesh/tenancy.yaml")
	require.NoError(t, err)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for name, file := range map[string]string{
		"the least":                    head,
		"complete":                     complete,
		"the demo's":                   string(demo),
		"the demo's on a mesh":         string(onMesh),
		"the documentation":            string(regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)[1]),
		"two tenants":                  twoTenants,
		"any denial":                   twoTenants + "promises: {denial: any, weakControls: refused}\n",
		"admission":                    head + "promises: {admission: {hostNetwork: denied}}\n",
		"a witness":                    head + "promises: {egress: {witness: {address: 2001:db8::1, control: 'witness.example.com:1', ports: [dns/53], zone: seen.example}}}\n",
		"no promise":                   head + "promises: {}\n",
		"one by list, others by label": head + "tenants: {byLabel: tenant, list: [{name: acme, namespaces: [a]}]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(file))
			require.NoError(t, err)
			assert.NoError(t, check(file))
		})
	}
}

// TestBothTakeTheSameWords holds the schema's patterns and lists of words
// against the decoder's checks, value by value.
func TestBothTakeTheSameWords(t *testing.T) {
	long := strings.Repeat("a", 63)
	names := []string{"a", "A", "a-b", "a.b", "a_b", "-a", "a-", ".a", "a.", "a/b", "1", "a b", "ä", "*", long, long + "a",
		"a.b.c", "a..b", "a.-b", "A.B", "x/y/z", "/a", "a/", "A/b", "a.b/C_d", long + "/" + long, long + "/" + long + "a",
		strings.Repeat(long+".", 3) + long, strings.Repeat(long+".", 4) + "a", strings.Repeat(long+".", 4) + "a/b"}
	ports := []string{"tcp/1", "udp/53", "tcp/0", "tcp/01", "tcp/9", "tcp/99", "tcp/999", "tcp/9999", "tcp/59999", "tcp/64999", "tcp/65499", "tcp/65529",
		"tcp/65535", "tcp/65536", "tcp/65540", "tcp/65600", "tcp/66000", "tcp/70000", "tcp/100000", "TCP/1", "sctp/1", "1/tcp", "tcp", "tcp/", "tcp/1 "}
	days := []string{"2027-01-31", "2027-02-29", "2028-02-29", "2027-1-31", "0000-01-01", "2027-13-01", "2027-00-10", "27-01-01", "2027-01-31T00:00:00Z"}
	globs := []string{"a", "*", "**", "a*", "*a", "*-*", "a?", "A", "", "a.b", "-", "1*"}
	texts := []string{"", " ", "x", " x ", "*", "ä"}
	workloads := []string{"Deployment", "Deployment/", "/a", "Job/a", "deployment/a", "StatefulSet/a.b", "DaemonSet/" + long, "Deployment/a/b"}
	for _, name := range names {
		workloads = append(workloads, "Deployment/"+name)
	}
	words := slices.Concat(severities, denials, arrivals, []string{"refused", "accepted", "any", "", "High"})
	for template, values := range map[string][]string{
		"metadata: {name: %q}\n":   names,
		"tenants: {byLabel: %q}\n": names,
		"tenants: {list: [{name: %q, namespaces: [q]}, {name: zz, namespaces: [z]}]}\n": names,
		"tenants: {list: [{name: q, namespaces: [%q]}, {name: zz, namespaces: [z]}]}\n": names,
		"ignoreNamespaces: [%q]\n": globs,
		"shared: [{name: %q, namespace: p, service: a, ports: [tcp/1], tenants: ['*']}]\n": names,
		"shared: [{name: a, namespace: %q, service: a, ports: [tcp/1], tenants: ['*']}]\n": names,
		"shared: [{name: a, namespace: p, service: %q, ports: [tcp/1], tenants: ['*']}]\n": names,
		"shared: [{name: a, namespace: p, service: a, ports: [%q], tenants: ['*']}]\n":     ports,
		"shared: [{name: a, namespace: p, service: a, ports: [tcp/1], tenants: [%q]}]\n":   names,
		"shadows: [{namespace: %q, workload: Deployment/a}]\n":                             names,
		"shadows: [{namespace: a, workload: %q}]\n":                                        workloads,
		"crossings: [{from: %q, to: zzz, ports: [tcp/1], reason: r}]\n":                    names,
		"crossings: [{from: '*', to: %q, ports: [tcp/1], reason: r}]\n":                    names,
		"crossings: [{from: q, to: zzz, ports: [%q], reason: r}]\n":                        ports,
		"crossings: [{from: q, to: zzz, ports: [tcp/1], reason: %q}]\n":                    texts,
		"crossings: [{from: q, to: zzz, ports: [tcp/1], reason: r, owner: %q}]\n":          texts,
		"crossings: [{from: q, to: zzz, ports: [tcp/1], reason: r, expires: %q}]\n":        days,
		"exceptions: [{match: %q, reason: r, owner: o, expires: 2027-01-31}]\n":            texts,
		"exceptions: [{match: m, reason: %q, owner: o, expires: 2027-01-31}]\n":            texts,
		"exceptions: [{match: m, reason: r, owner: %q, expires: 2027-01-31}]\n":            texts,
		"exceptions: [{match: m, reason: r, owner: o, expires: %q}]\n":                     days,
		"promises: {denial: %q}\n":                                           words,
		"promises: {denial: [%q]}\n":                                         words,
		"promises: {weakControls: %q}\n":                                     words,
		"promises: {egress: {witness: {address: 192.0.2.1, ports: [%q]}}}\n": slices.Concat(ports, []string{"http/80", "dns/0", "tls/65536"}),
		"failOn: %q\n": words,
		"severities: [{check: a/b, severity: %q}]\n": words,
	} {
		agree(t, template, values)
	}
}

func agree(t *testing.T, template string, values []string) {
	t.Helper()
	check := editor(t)
	for _, value := range values {
		file := head + fmt.Sprintf(template, value)
		_, parsed := Parse("f.yaml", []byte(file))
		assert.Equal(t, parsed == nil, check(file) == nil, "%s\ndecoder: %v\nschema: %v", file, parsed, check(file))
	}
}

// TestBothHaveTheSameFields asks the decoder for the fields of each mapping by
// giving it one that there is not.
func TestBothHaveTheSameFields(t *testing.T) {
	var schema struct {
		Properties map[string]node
	}
	require.NoError(t, json.Unmarshal(Schema, &schema))
	p := schema.Properties
	for template, has := range map[string]map[string]node{
		"%s: 1\n":                                p,
		"metadata: {%s: 1}\n":                    p["metadata"].Properties,
		"tenants: {%s: 1}\n":                     p["tenants"].Properties,
		"tenants: {list: [{%s: 1}]}":             p["tenants"].Properties["list"].Items.Properties,
		"shared: [{%s: 1}]\n":                    p["shared"].Items.Properties,
		"crossings: [{%s: 1}]\n":                 p["crossings"].Items.Properties,
		"services: [{%s: 1}]\n":                  p["services"].Items.Properties,
		"shadows: [{%s: 1}]\n":                   p["shadows"].Items.Properties,
		"promises: {%s: 1}\n":                    p["promises"].Properties,
		"promises: {egress: {%s: 1}}":            p["promises"].Properties["egress"].Properties,
		"promises: {admission: {%s: 1}}":         p["promises"].Properties["admission"].Properties,
		"promises: {egress: {witness: {%s: 1}}}": p["promises"].Properties["egress"].Properties["witness"].Properties,
		"exceptions: [{%s: 1}]\n":                p["exceptions"].Items.Properties,
		"severities: [{%s: 1}]\n":                p["severities"].Items.Properties,
	} {
		_, err := Parse("f.yaml", []byte(fmt.Sprintf(template, "qqqqqqqq")))
		require.Error(t, err)
		_, valid, found := strings.Cut(err.Error(), `unknown field "qqqqqqqq"; valid: `)
		require.True(t, found, err)
		valid, _, _ = strings.Cut(valid, "\n")
		require.NotContains(t, valid, "more")
		var want []string
		for _, name := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(valid, -1) {
			_, err := Parse("f.yaml", []byte(fmt.Sprintf(template, name[1])))
			if err == nil || !strings.Contains(err.Error(), name[1]+": not tested by this version") {
				want = append(want, name[1])
			}
		}
		var got []string
		for name := range has {
			got = append(got, name)
		}
		assert.ElementsMatch(t, want, got, template)
	}
}

type node struct {
	Properties map[string]node
	Items      *node
}
