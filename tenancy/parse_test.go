package tenancy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const head = "apiVersion: partywall.dev/v1alpha1\nkind: Tenancy\n"

// twoTenants fills lines 3 to 6; what a test adds begins on line 7.
const twoTenants = head + `tenants:
  list:
    - {name: acme, namespaces: [acme-web]}
    - {name: globex, namespaces: [globex-api]}
`

// refused are files with all that is wrong with each; the schema is held
// against them too.
var refused = []struct {
	name, file string
	want       []string
}{
	// The file as a whole.
	{"empty", "", []string{`f.yaml:1:1: empty; a tenancy starts with "apiVersion: partywall.dev/v1alpha1"`}},
	{"only comments", "# nothing\n\n", []string{`f.yaml:1:1: empty; a tenancy starts with "apiVersion: partywall.dev/v1alpha1"`}},
	{"null", "---", []string{`f.yaml:1:1: empty; a tenancy starts with "apiVersion: partywall.dev/v1alpha1"`}},
	{"a list", "- a\n", []string{`f.yaml:1:1: want a mapping of fields, got a list`}},
	{"a string", "hello\n", []string{`f.yaml:1:1: want a mapping of fields, got the string "hello"`}},
	{"second document", twoTenants + "---\nkind: Tenancy\n", []string{`f.yaml:7:1: a second document; a file states one tenancy`}},
	{"broken second document", twoTenants + "---\nkind: @\n", []string{`f.yaml:8:1: not YAML: found character that cannot start any token`}},
	{"no heading", "metadata: {name: x}\n", []string{`f.yaml:1:1: missing field "apiVersion"`, `f.yaml:1:1: missing field "kind"`}},
	{"other version and kind", "apiVersion: partywall.dev/v1\nkind: Tenency\n", []string{
		`f.yaml:1:13: unknown apiVersion "partywall.dev/v1"; valid: "partywall.dev/v1alpha1"`,
		`f.yaml:2:7: unknown kind "Tenency"; did you mean "Tenancy"?`}},
	{"another project's file", "apiVersion: v1\nkind: Pod\n", []string{
		`f.yaml:1:13: unknown apiVersion "v1"; valid: "partywall.dev/v1alpha1"`,
		`f.yaml:2:7: unknown kind "Pod"; valid: "Tenancy"`}},

	// Syntax.
	{"tab", "apiVersion: v1\ntenants:\n\tbyLabel: x\n", []string{`f.yaml:3:2: not YAML: found character that cannot start any token; indent with spaces, not tabs`}},
	{"bad indent", twoTenants + "crossings:\n  - from: acme\n   to: globex\nfailOn: high\n", []string{`f.yaml:9:4: not YAML: did not find expected '-' indicator`}},
	{"open bracket", "a: 1\nb: [x, y\nc: 1\nd: 2\n", []string{`f.yaml:2:1: not YAML: did not find expected ',' or ']'`}},
	{"open quote", "a: 1\nb: \"x\nc: 1\nd: 2\n", []string{`f.yaml:2:1: not YAML: found unexpected end of stream`}},
	{"naked star", head + "shared:\n  - tenants: [*]\nfailOn: high\n", []string{`f.yaml:4:3: not YAML: did not find expected alphabetic or numeric character; put a value that starts with * in quotes`}},
	{"naked glob", head + "exceptions:\n  - match: */dns\n", []string{`f.yaml:4:3: not YAML: did not find expected alphabetic or numeric character; put a value that starts with * in quotes`}},
	{"unknown anchor", head + "exceptions:\n  - match: *acme\n", []string{`f.yaml:4:3: not YAML: unknown anchor 'acme' referenced; put a value that starts with * in quotes`}},
	{"not UTF-8", "kind: Ten\xe4ncy\n", []string{`f.yaml:1:10: byte 0xe4 is not UTF-8`}},
	{"UTF-16", "\xff\xfek\x00i\x00", []string{`f.yaml:1:1: byte 0xff is not UTF-8`}},
	{"control character", "kind: a\nb: ä\x1b[31m\n", []string{`f.yaml:2:5: character U+001B is not allowed in YAML`}},
	{"CRLF", "apiVersion: partywall.dev/v1alpha1\r\nkind: Tenancy\r\nfailOn: hihg\r\n", []string{`f.yaml:3:9: unknown severity "hihg"; did you mean "high"?`}},
	{"BOM", "\ufeffkind: Tenancy\nfailOn: 1\napiVersion: partywall.dev/v1alpha1\n", []string{`f.yaml:2:9: failOn: want a string, got the number "1"; put it in quotes`}},

	// Fields and types.
	{"unknown field", head + "tennants: {byLabel: x}\n", []string{`f.yaml:3:1: unknown field "tennants"; did you mean "tenants"?`}},
	{"unknown field, nothing near", head + "metadata: {labels: {}, name: x}\n", []string{`f.yaml:3:12: unknown field "labels"; valid: "name"`}},
	{"unknown field below", twoTenants + "crossings:\n  - form: acme\n    to: globex\n    ports: [tcp/1]\n    reason: r\n", []string{`f.yaml:8:5: unknown field "form"; did you mean "from"?`}},
	{"hostile field", head + "\"a\\e[31m\\nb\": 1\n", []string{`f.yaml:3:1: unknown field "a\x1b[31m\nb"; valid: "apiVersion", "kind", "metadata", "tenants", "ignoreNamespaces", "shared", "services", "shadows", "crossings", "promises", "exceptions", "severities", "failOn"`}},
	{"duplicate Service", head + "services:\n  - {namespace: a, service: pg, ports: [tcp/1]}\n  - {namespace: a, service: pg, ports: [tcp/2]}\n", []string{
		`f.yaml:5:17: duplicate Service "pg" of namespace "a"`}},
	{"duplicate shadow", head + "shadows:\n  - {namespace: a, workload: Deployment/pg}\n  - {namespace: a, workload: Deployment/pg}\n", []string{
		`f.yaml:5:17: duplicate shadow "Deployment/pg" of namespace "a"`}},
	{"bad shadows", head + "shadows: [{namespace: a, workload: pg}, {namespace: a, workload: Deploymnet/pg}, {namespace: a, workload: DaemonSet/P_g}]\n", []string{
		`f.yaml:3:36: bad workload "pg": want KIND/NAME, such as Deployment/api`,
		`f.yaml:3:66: unknown kind of workload "Deploymnet"; did you mean "Deployment"?`,
		`f.yaml:3:107: bad name of a workload "P_g": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character; did you mean "p-g"?`}},
	{"bad severities", head + "severities: [{check: dns, severity: low}, {check: a/b/c, severity: lo}]\n", []string{
		`f.yaml:3:22: bad check "dns": want SUITE/CHECK, such as dns/reverse or egress/*`,
		`f.yaml:3:51: bad check "a/b/c": want SUITE/CHECK, such as dns/reverse or egress/*`,
		`f.yaml:3:68: unknown severity "lo"; did you mean "low"?`}},
	{"endless value", head + "failOn: " + strings.Repeat("x", 5000) + "\n", []string{`f.yaml:3:9: unknown severity "` + strings.Repeat("x", 80) + `"...; valid: "info", "low", "medium", "high", "critical"`}},
	{"duplicate field", head + "failOn: high\nkind: Tenancy\n", []string{`f.yaml:4:1: duplicate field "kind"; the first is on line 2`}},
	{"field without value", twoTenants + "crossings:\nfailOn: ~\n", []string{
		`f.yaml:7:1: crossings: empty; give it a value or remove it`,
		`f.yaml:8:1: failOn: empty; give it a value or remove it`}},
	{"empty list", twoTenants + "crossings: []\n", []string{`f.yaml:7:12: crossings: empty; list something or remove it`}},
	{"empty strings", twoTenants + "crossings:\n  - {from: acme, to: globex, ports: [tcp/1], reason: ' '}\n", []string{`f.yaml:8:54: crossings[0].reason: empty; give it a value or remove it`}},
	{"wrong types", head + "metadata: x\ntenants: []\nignoreNamespaces: x\nshared: {}\nfailOn: [high]\n", []string{
		`f.yaml:3:11: metadata: want a mapping of fields, got the string "x"`,
		`f.yaml:4:10: tenants: want a mapping of fields, got a list`,
		`f.yaml:5:19: ignoreNamespaces: want a list, got the string "x"`,
		`f.yaml:6:9: shared: want a list, got a mapping`,
		`f.yaml:7:9: failOn: want a string, got a list`}},
	{"not strings", head + "tenants:\n  list:\n    - {name: 12, namespaces: [true, 1.5, ~]}\n    - {name: !!binary aGk=, namespaces: [a]}\n    - !mine {name: a}\n", []string{
		`f.yaml:5:14: tenants.list[0].name: want a string, got the number "12"; put it in quotes`,
		`f.yaml:5:31: tenants.list[0].namespaces[0]: want a string, got the boolean "true"; put it in quotes`,
		`f.yaml:5:37: tenants.list[0].namespaces[1]: want a string, got the number "1.5"; put it in quotes`,
		`f.yaml:5:42: tenants.list[0].namespaces[2]: want a string, got nothing`,
		`f.yaml:6:14: tenants.list[1].name: want a string, got a value of type "!!binary"`,
		`f.yaml:7:7: tenants.list[2]: want a mapping of fields, got a value of type "!mine"`}},
	{"field named by a list", head + "? [a]\n: 1\n", []string{`f.yaml:3:3: a field's name cannot be a list`}},
	{"nothing at the end", twoTenants + "ignoreNamespaces:\n-", []string{`f.yaml:8:2: ignoreNamespaces[0]: want a string, got nothing`}},
	{"merge", head + "metadata: &m {name: x}\npromises:\n  <<: *m\n", []string{`f.yaml:5:3: merging by "<<" is not supported; spell the fields out`}},
	{"not tested yet", twoTenants + `shared:
  - {name: a, namespace: p, service: a, ports: [tcp/1], tenants: ["*"], identityHeader: x}
promises:
  layers: [mesh, wall, mesh]
  egress: {internet: maybe, kubelt: denied, allowedHosts: [payments], resolvers: [dns.example.com], canaryZone: "-x.example", internetHosts: ["a.example:0"]}
  dns: visible
`, []string{
		`f.yaml:8:73: shared[0].identityHeader: not tested by this version of Partywall; remove it`,
		`f.yaml:10:18: unknown layer "wall"; valid: "network", "mesh"`,
		`f.yaml:10:24: duplicate layer "mesh"; the first is on line 10`,
		`f.yaml:11:22: unknown promise "maybe"; valid: "denied", "allowed"`,
		`f.yaml:11:29: unknown field "kubelt"; did you mean "kubelet"?`,
		`f.yaml:11:60: bad host "payments": want an address or a whole DNS name, such as www.example.com`,
		`f.yaml:11:83: bad resolver "dns.example.com": want the address of a DNS server`,
		`f.yaml:11:113: bad host "-x.example": "-x" is no label of a DNS name`,
		`f.yaml:11:143: bad host "a.example:0": its port is bad: the number must be 1 to 65535`}},
	{"witness", head + `promises:
  egress:
    witness: {control: 203.0.113.30, ports: [tcp/443, icmp/8, tcp/443], zone: seen, tenants: ["*"], key: secret}
`, []string{
		`f.yaml:5:14: promises.egress.witness: missing field "address"`,
		`f.yaml:5:24: bad control "203.0.113.30": want a host and a port, such as 203.0.113.30:9443`,
		`f.yaml:5:55: bad port "icmp/8": want http/NUMBER, tls/NUMBER, tcp/NUMBER, udp/NUMBER or dns/NUMBER`,
		`f.yaml:5:63: duplicate port "tcp/443"; the first is on line 5`,
		`f.yaml:5:79: bad host "seen": want an address or a whole DNS name, such as www.example.com`,
		`f.yaml:5:95: bad tenant name "*": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
		`f.yaml:5:101: unknown field "key"; valid: "address", "control", "ports", "zone", "tenants"`}},
	{"name server without a port", head + "promises: {egress: {witness: {address: 192.0.2.1, zone: seen.example, ports: [udp/9]}}}\n", []string{
		`f.yaml:3:30: promises.egress.witness: it is the name server of "seen.example", but ports lists no dns/NUMBER`}},
	{"dns neither visible nor hidden", head + "promises: {dns: visibl}\n", []string{`f.yaml:3:17: unknown dns "visibl"; did you mean "visible"?`}},

	// Tenants.
	{"no tenants", head + "tenants: {}\n", []string{`f.yaml:3:10: tenants: empty; give "byLabel", "list" or both`}},
	{"one tenant", head + "tenants:\n  list: [{name: acme, namespaces: [a]}]\n", []string{`f.yaml:4:3: tenants: only one tenant, "acme", is listed; isolation takes two`}},
	{"bad label", head + "tenants: {byLabel: 'tenant=acme'}\n", []string{`f.yaml:3:20: bad label key "tenant=acme": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character; did you mean "tenant-acme"?`}},
	{"duplicate tenant", twoTenants + "    - name: acme\n      namespaces: [acme-db]\n", []string{`f.yaml:7:13: duplicate tenant "acme"; the first is on line 5`}},
	{"namespace in two tenants", twoTenants + "    - name: umbrella\n      namespaces: [acme-web, u]\n", []string{`f.yaml:8:20: namespace "acme-web" is listed for tenant "umbrella" and, on line 5, for tenant "acme"; a namespace has one tenant`}},
	{"namespace twice", twoTenants + "    - name: umbrella\n      namespaces: [u, u]\n", []string{`f.yaml:8:23: duplicate namespace "u" of tenant "umbrella"; the first is on line 8`}},
	{"tenant without namespaces", twoTenants + "    - name: umbrella\n      namespaces: []\n    - name: initech\n", []string{
		`f.yaml:8:19: tenants.list[2].namespaces: empty; list something or remove it`,
		`f.yaml:9:7: tenants.list[3]: missing field "namespaces"`}},
	{"bad names", twoTenants + "    - name: a/b\n      namespaces: [Web_1, a.b]\n", []string{
		`f.yaml:7:13: bad tenant name "a/b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character; did you mean "a-b"?`,
		`f.yaml:8:20: bad namespace "Web_1": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character; did you mean "web-1"?`,
		`f.yaml:8:27: bad namespace "a.b": must not contain dots; did you mean "a-b"?`}},
	{"ignored tenant", twoTenants + "ignoreNamespaces: [sandbox, 'acme-*']\n", []string{`f.yaml:5:33: namespace "acme-web" of tenant "acme" is ignored by "acme-*" on line 7; keep one of the two`}},
	{"bad patterns", twoTenants + "ignoreNamespaces: ['**', 'a?', a, a]\n", []string{
		`f.yaml:7:20: bad pattern "**": it would ignore every namespace`,
		`f.yaml:7:26: bad pattern "a?": want the name of a namespace, in which * stands for any run of characters`,
		`f.yaml:7:35: duplicate pattern "a"; the first is on line 7`}},

	// What may cross.
	{"crossing of an unknown tenant", twoTenants + "crossings:\n  - {from: acne, to: initech, ports: [tcp/1], reason: r}\n", []string{
		`f.yaml:8:12: unknown tenant "acne"; did you mean "acme"?`,
		`f.yaml:8:22: unknown tenant "initech"; valid: "acme", "globex"`}},
	{"crossing to itself", twoTenants + "crossings:\n  - {from: acme, to: acme, ports: [tcp/1], reason: r}\n  - {from: '*', to: '*', ports: [tcp/1], reason: r}\n", []string{
		`f.yaml:8:22: crossings[0]: from and to are both "acme"; a crossing joins two tenants`,
		`f.yaml:9:21: crossings[1]: "*" on both sides would open these ports between all tenants; name one side`}},
	{"crossing without all", twoTenants + "crossings:\n  - owner: me\n", []string{
		`f.yaml:8:5: crossings[0]: missing field "from"`,
		`f.yaml:8:5: crossings[0]: missing field "to"`,
		`f.yaml:8:5: crossings[0]: missing field "ports"`,
		`f.yaml:8:5: crossings[0]: missing field "reason"`}},
	{"bad ports", twoTenants + "crossings:\n  - from: acme\n    to: globex\n    reason: r\n    ports: [tcp/0, tcp/65536, TCP/80, 80/udp, '8080', udp/053, icmp/1, tcp/http, sctp/9, tcp/1, tcp/1, tcp/99999999999999999999, 80, tcp/]\n", []string{
		`f.yaml:11:13: bad port "tcp/0": the number must be 1 to 65535`,
		`f.yaml:11:20: bad port "tcp/65536": the number must be 1 to 65535`,
		`f.yaml:11:31: bad port "TCP/80": want tcp/NUMBER or udp/NUMBER; did you mean "tcp/80"?`,
		`f.yaml:11:39: bad port "80/udp": want tcp/NUMBER or udp/NUMBER; did you mean "udp/80"?`,
		`f.yaml:11:47: bad port "8080": want tcp/NUMBER or udp/NUMBER; did you mean "tcp/8080"?`,
		`f.yaml:11:55: bad port "udp/053": want tcp/NUMBER or udp/NUMBER; did you mean "udp/53"?`,
		`f.yaml:11:64: bad port "icmp/1": want tcp/NUMBER or udp/NUMBER`,
		`f.yaml:11:72: bad port "tcp/http": want tcp/NUMBER or udp/NUMBER`,
		`f.yaml:11:82: bad port "sctp/9": SCTP is tried on a port of the probes' own alone; want tcp/NUMBER or udp/NUMBER`,
		`f.yaml:11:97: duplicate port "tcp/1"; the first is on line 11`,
		`f.yaml:11:104: bad port "tcp/99999999999999999999": the number must be 1 to 65535`,
		`f.yaml:11:130: crossings[0].ports[12]: want a string, got the number "80"; put it in quotes`,
		`f.yaml:11:134: bad port "tcp/": want tcp/NUMBER or udp/NUMBER`}},
	{"shared", twoTenants + `shared:
  - {name: a, namespace: p, service: a.b, ports: [tcp/1], tenants: [acme, acme, globx]}
  - {name: a, namespace: p, service: b, ports: [tcp/1], tenants: ["*"]}
`, []string{
		`f.yaml:8:38: bad service "a.b": must not contain dots; did you mean "a-b"?`,
		`f.yaml:8:75: duplicate tenant "acme"; the first is on line 8`,
		`f.yaml:8:81: unknown tenant "globx"; did you mean "globex"?`,
		`f.yaml:9:12: duplicate shared service "a"; the first is on line 8`}},
	{"shared service called as a tenant", twoTenants + `shared:
  - {name: audit, namespace: p, service: a, ports: [tcp/1], tenants: ["*"]}
  - {name: globex, namespace: p, service: b, ports: [tcp/1], tenants: ["*"]}
`, []string{`f.yaml:9:12: shared service "globex" has the name of the tenant on line 6; give it another, since reports would take the two for one`}},

	// Promises, exceptions, threshold.
	{"bad dates", twoTenants + `exceptions:
  - {match: a, reason: r, owner: o, expires: 2027-1-31}
  - {match: a, reason: r, owner: o, expires: 2027-02-30}
  - {match: a, reason: r, owner: o, expires: next week}
  - {match: a, reason: r, owner: o, expires: 31.01.2027}
  - {match: a, reason: r, owner: o, expires: 2027-01-31T10:00:00Z}
  - {match: a, reason: r, owner: o, expires: 20270131}
  - {match: a, reason: r, owner: o, expires: 2027-13-01}
`, []string{
		`f.yaml:8:46: bad date "2027-1-31": want YYYY-MM-DD; did you mean "2027-01-31"?`,
		`f.yaml:9:46: bad date "2027-02-30": want YYYY-MM-DD; did you mean "2027-02-28"?`,
		`f.yaml:10:46: bad date "next week": want YYYY-MM-DD`,
		`f.yaml:11:46: bad date "31.01.2027": want YYYY-MM-DD; did you mean "2027-01-31"?`,
		`f.yaml:12:46: bad date "2027-01-31T10:00:00Z": want YYYY-MM-DD; did you mean "2027-01-31"?`,
		`f.yaml:13:46: exceptions[5].expires: want a string, got the number "20270131"; put it in quotes`,
		`f.yaml:14:46: bad date "2027-13-01": want YYYY-MM-DD`}},
	{"exception without all", twoTenants + "exceptions:\n  - match: ''\n", []string{
		`f.yaml:8:5: exceptions[0]: missing field "reason"`,
		`f.yaml:8:5: exceptions[0]: missing field "owner"`,
		`f.yaml:8:5: exceptions[0]: missing field "expires"`,
		`f.yaml:8:12: exceptions[0].match: empty; give it a value or remove it`}},
	{"denial", twoTenants + "promises:\n  denial: [droped, reached, dropped, dropped]\n  weakControls: yes\n", []string{
		`f.yaml:8:12: unknown outcome "droped"; did you mean "dropped"?`,
		`f.yaml:8:20: outcome "reached" is no denial`,
		`f.yaml:8:38: duplicate outcome "dropped"; the first is on line 8`,
		`f.yaml:9:17: unknown weakControls "yes"; valid: "refused", "accepted"`}},
	{"denial by one word", twoTenants + "promises:\n  denial: dropped\n", []string{`f.yaml:8:11: bad denial "dropped": want any, or a list of outcomes; did you mean [dropped]?`}},
	{"denial of another type", twoTenants + "promises:\n  denial: {any: true}\n", []string{`f.yaml:8:11: promises.denial: want a list, got a mapping`}},
	{"threshold", twoTenants + "failOn: hihg\n", []string{`f.yaml:7:9: unknown severity "hihg"; did you mean "high"?`}},
	{"an alias repeats a mistake", twoTenants + "crossings:\n  - {from: acme, to: globex, ports: &p [tcp/0], reason: r}\n  - {from: globex, to: acme, ports: *p, reason: r}\n", []string{`f.yaml:8:41: bad port "tcp/0": the number must be 1 to 65535`}},
	{"all together, in the file's order", "kind: Tenancy\nfailOn: worst\ncrossings:\n  - {from: a, to: b, ports: [tcp/0], reason: r, x: 1}\napiVersion: v2\n", []string{
		`f.yaml:2:9: unknown severity "worst"; valid: "info", "low", "medium", "high", "critical"`,
		`f.yaml:4:30: bad port "tcp/0": the number must be 1 to 65535`,
		`f.yaml:4:49: unknown field "x"; valid: "from", "to", "ports", "reason", "owner", "expires"`,
		`f.yaml:5:13: unknown apiVersion "v2"; valid: "partywall.dev/v1alpha1"`}},
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			file, err := Parse("f.yaml", []byte(tt.file))
			require.Error(t, err)
			assert.Nil(t, file)
			var bad Errors
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, tt.want, strings.Split(err.Error(), "\n"))
		})
	}
}

// complete is a file with every field that there is.
const complete = `apiVersion: partywall.dev/v1alpha1
kind: Tenancy
metadata:
  name: staging
tenants:
  byLabel: example.com/tenant
  list:
    - name: umbrella
      namespaces: [umbrella-web, umbrella-db]
ignoreNamespaces: [sandbox-*, default]
shared:
  - name: audit
    namespace: platform
    service: audit
    ports: [tcp/8080, udp/53]
    tenants: ["*"]
crossings:
  - from: acme
    to: "*"
    ports: &db [tcp/5432]
    reason: reporting replica, ticket OPS-123
    owner: data-platform
    expires: 2027-01-31
  - {from: umbrella, to: acme, ports: *db, reason: "again"}
promises:
  denial: [forbidden, dropped]
  weakControls: accepted
exceptions:
  - match: dns/*/acme->*
    reason: split-horizon DNS lands in Q2
    owner: network-team
    expires: "2027-03-31"
failOn: low
`

func TestParseReadsAllThatItAccepts(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		require.NoError(t, err)
		return d
	}
	for name, data := range map[string]string{
		"as written": complete,
		"CRLF":       strings.ReplaceAll(complete, "\n", "\r\n"),
		"BOM":        "\ufeff" + complete,
		"marked":     "---\n" + complete + "...\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse("f.yaml", []byte(data))
			require.NoError(t, err)
			assert.Equal(t, "staging", f.Name)
			assert.Equal(t, "example.com/tenant", f.ByLabel)
			assert.Equal(t, []Tenant{{Name: "umbrella", Namespaces: []string{"umbrella-web", "umbrella-db"}}}, f.List)
			assert.Equal(t, []string{"sandbox-*", "default"}, f.Ignore)
			assert.Equal(t, []Shared{{"audit", "platform", "audit", []Port{{"tcp", 8080}, {"udp", 53}}, []string{"*"}}}, f.Shared)
			db := []Port{{"tcp", 5432}}
			assert.Equal(t, []Crossing{
				{"acme", "*", db, "reporting replica, ticket OPS-123", "data-platform", day("2027-01-31")},
				{From: "umbrella", To: "acme", Ports: db, Reason: "again"},
			}, f.Crossings)
			assert.Equal(t, Promises{Denial: []string{"forbidden", "dropped"}, WeakControls: true}, f.Promises)
			line := 1 + strings.Count(data[:strings.Index(data, "- match")], "\n")
			assert.Equal(t, []Exception{{"dns/*/acme->*", "split-horizon DNS lands in Q2", "network-team", day("2027-03-31"), line}}, f.Exceptions)
			assert.Equal(t, Low, f.FailOn)
		})
	}
}

func TestDefaults(t *testing.T) {
	f, err := Parse("f.yaml", []byte(head))
	require.NoError(t, err)
	assert.Equal(t, DefaultLabel, f.ByLabel)
	assert.Equal(t, High, f.FailOn)
	assert.Equal(t, Promises{}, f.Promises)

	f, err = Parse("f.yaml", []byte(twoTenants+"promises: {denial: any, weakControls: refused}\n"))
	require.NoError(t, err)
	assert.Empty(t, f.ByLabel, "tenants that are listed are all there are")
	assert.Equal(t, Promises{}, f.Promises)
}

func TestSizeIsBounded(t *testing.T) {
	pad := func(n int) []byte { return append([]byte(twoTenants), bytes.Repeat([]byte("#"), n-len(twoTenants))...) }
	_, err := Parse("f.yaml", pad(MaxSize))
	require.NoError(t, err)
	_, err = Parse("f.yaml", pad(MaxSize+1))
	require.EqualError(t, err, "f.yaml:1:1: larger than 1048576 bytes, which is the most a tenancy file may have")

	path := filepath.Join(t.TempDir(), "f.yaml")
	require.NoError(t, os.WriteFile(path, pad(MaxSize*2), 0o600))
	_, err = Load(path)
	require.EqualError(t, err, path+":1:1: larger than 1048576 bytes, which is the most a tenancy file may have")
}

// bomb is a file of n aliases to a list of n ports.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString(head + "crossings:\n  - from: acme\n    to: globex\n    reason: r\n    ports: &p [tcp/1")
	for i := range n {
		fmt.Fprintf(&b, ", tcp/%d", i+2)
	}
	b.WriteString("]\n" + strings.Repeat("  - {from: acme, to: globex, reason: r, ports: *p}\n", n))
	return b.String()
}

// TestCostIsBounded ends in good time only because it is.
func TestCostIsBounded(t *testing.T) {
	for name, file := range map[string]string{
		"aliases":         bomb(2000),
		"errors":          head + "crossings:\n" + strings.Repeat("- 1\n", 20000),
		"unknown tenants": twoTenants + "shared:\n- tenants: [" + strings.Repeat("a,", 100) + "]\ncrossings:\n" + strings.Repeat("- {from: x, to: y}\n", 2000),
		"depth":           strings.Repeat("[", 500000),
		"nested blocks":   strings.Repeat("- ", 500000),
		"syntax at end":   head + strings.Repeat("a: b\n", 20000) + "c: [\n",
		"itself":          head + "tenants: &t\n  list: [*t, *t]\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(file))
			require.Error(t, err)
			var bad Errors
			require.ErrorAs(t, err, &bad)
			assert.LessOrEqual(t, len(bad), maxErrors+1)
		})
	}
	_, err := Parse("f.yaml", []byte(bomb(2000)))
	assert.EqualError(t, err, "f.yaml:1:1: aliases repeat more than 10000 values")
	_, err = Parse("f.yaml", []byte(head+"crossings:\n"+strings.Repeat("- 1\n", 1000)))
	assert.ErrorContains(t, err, "f.yaml:503:3: too many errors: only the first 500 are shown")
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "staging.yaml")
	require.NoError(t, os.WriteFile(path, []byte(twoTenants), 0o600))
	f, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, path, f.Path)

	_, err = Load(filepath.Join(dir, "none.yaml"))
	var bad Errors
	require.True(t, errors.As(err, &bad), "a file that is not there is the user's mistake")
	assert.ErrorContains(t, err, "none.yaml: reading the tenancy file: ")
	_, err = Load(dir)
	require.True(t, errors.As(err, &bad))
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", head, twoTenants, bomb(3), "a: &a [*a]\n", "\t", "%", "? [", "- -", "!!binary", "<<: 1", "a: |\n  b\n c", "\ufeff---\n...\n---\n", "{a: 1, a: 2}", twoTenants + "crossings:\n- {from: '*', to: acme, ports: [tcp/1], reason: r, expires: 2027-01-01}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f.yaml", data)
		if err == nil {
			require.NotNil(t, file)
			return
		}
		var bad Errors
		require.ErrorAs(t, err, &bad)
		require.NotEmpty(t, bad)
		for _, e := range bad {
			require.Positive(t, e.Line, e.Message)
			require.Positive(t, e.Column, e.Message)
			require.LessOrEqual(t, e.Line, 1+bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("\r"))+bytes.Count(data, []byte("\u0085"))+bytes.Count(data, []byte("\u2028"))+bytes.Count(data, []byte("\u2029")))
			require.NotContains(t, e.Message, "\n")
			require.NotContains(t, e.Message, "\x1b")
		}
	})
}
