package tenancy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSeverity(t *testing.T) {
	for s := Info; s <= Critical; s++ {
		got, err := ParseSeverity(s.String())
		require.NoError(t, err)
		assert.Equal(t, s, got)
	}
	assert.Equal(t, High, Critical.Down())
	assert.Equal(t, Info, Info.Down())
	assert.Equal(t, "severity(9)", Severity(9).String())
	for _, bad := range []string{"", "High", "5"} {
		_, err := ParseSeverity(bad)
		assert.ErrorContains(t, err, "unknown severity")
	}
}

func TestPort(t *testing.T) {
	for _, s := range []string{"tcp/1", "tcp/8080", "udp/53", "udp/65535"} {
		p, err := ParsePort(s)
		require.NoError(t, err)
		assert.Equal(t, s, p.String())
	}
	for _, bad := range []string{"", "/", "tcp", "tcp/", "tcp/+1", "tcp/-1", "tcp/ 1", "tcp/1/2", "tcp/٣", "TCP/1"} {
		_, err := ParsePort(bad)
		assert.ErrorContains(t, err, "bad port "+fmt.Sprintf("%q", bad), bad)
	}
}

func TestLastDayStillHolds(t *testing.T) {
	last, err := parseDate("2027-01-31")
	require.NoError(t, err)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return v
	}
	for now, want := range map[string]bool{
		"2026-01-01T00:00:00Z":      false,
		"2027-01-31T00:00:00Z":      false,
		"2027-01-31T23:59:59Z":      false,
		"2027-02-01T00:00:00Z":      true,
		"2027-02-01T00:30:00+01:00": false, // UTC is an hour behind
		"2027-01-31T23:30:00-01:00": true,
	} {
		assert.Equal(t, want, Exception{Expires: last}.Expired(at(now)), now)
		assert.Equal(t, want, Crossing{Expires: last}.Expired(at(now)), now)
	}
	assert.False(t, Crossing{}.Expired(at("2999-01-01T00:00:00Z")), "no day, no end")
}

func TestCrosses(t *testing.T) {
	db, dns := Port{"tcp", 5432}, Port{"udp", 53}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	y := &Tenancy{Crossings: []Crossing{
		{From: "acme", To: "globex", Ports: []Port{db}, Reason: "old", Expires: now.AddDate(0, -1, 0)},
		{From: "acme", To: "globex", Ports: []Port{db}, Reason: "new"},
		{From: "*", To: "initech", Ports: []Port{dns}, Reason: "in"},
		{From: "initech", To: "*", Ports: []Port{db}, Reason: "out"},
	}}
	for _, tt := range []struct {
		from, to string
		port     Port
		want     string
	}{
		{"acme", "globex", db, "new"},
		{"acme", "globex", dns, ""},
		{"acme", "globex", Port{"udp", 5432}, ""},
		{"globex", "acme", db, ""},
		{"acme", "initech", dns, "in"},
		{"acme", "initech", db, ""},
		{"initech", "acme", db, "out"},
	} {
		c, ok := y.Crosses(tt.from, tt.to, tt.port, now)
		assert.Equal(t, tt.want != "", ok, tt)
		assert.Equal(t, tt.want, c.Reason, tt)
	}
}

func TestAdmits(t *testing.T) {
	assert.True(t, Shared{Tenants: []string{"*"}}.Admits("acme"))
	assert.True(t, Shared{Tenants: []string{"globex", "acme"}}.Admits("acme"))
	assert.False(t, Shared{Tenants: []string{"globex"}}.Admits("acme"))
	assert.False(t, Shared{}.Admits("acme"))
}

func TestExceptionMatches(t *testing.T) {
	const id = "network/http/acme.web->globex.api/target-0/service-name:8080/cross-node/bare"
	for glob, want := range map[string]bool{
		id:                          true,
		"*":                         true,
		"**":                        true,
		"network/*":                 true,
		"network/*/acme.*->globex*": true,
		"*/bare":                    true,
		"*:8080/*":                  true,
		"network/*/bare":            true,
		"network":                   false,
		"etwork/*":                  false,
		"*/sidecar":                 false,
		"*bare*bare":                false,
		"*globex*acme*":             false,
		"network/http/????.web*":    false, // only * is special
		"network/[a-z]*":            false,
		"NETWORK/*":                 false,
		"":                          false,
		id + "*" + "bare":           false, // one run of characters cannot serve twice
	} {
		assert.Equal(t, want, Exception{Match: glob}.Matches(id), glob)
	}
	hard := strings.Repeat("*a", 5000) + "*b"
	assert.False(t, Exception{Match: hard}.Matches(strings.Repeat("a", 100000)), "and within the test's time")
}

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{"tennants", "tenants"}, {"Tenants", "tenants"}, {"tenatns", "tenants"}, {"crosings", "crossings"},
		{"shred", "shared"}, {"x", ""}, {"", ""}, {"promise", "promises"}, {strings.Repeat("tenants", 100), ""},
	} {
		assert.Equal(t, tt.want, nearest(tt.value, []string{"shared", "tenants", "crossings", "promises"}), tt.value)
	}
	assert.Empty(t, nearest("a", make([]string, maxCandidates+1)))
}

func TestQuoteCutsBetweenCharacters(t *testing.T) {
	got := quote(strings.Repeat("a", maxQuoted-1) + "äöü")
	assert.Equal(t, `"`+strings.Repeat("a", maxQuoted-1)+`"...`, got)
	assert.Equal(t, `"\x1b[2J\u202e"`, quote("\x1b[2J\u202e"))
}

func TestErrorWithoutPlace(t *testing.T) {
	assert.Equal(t, "m", Error{Message: "m"}.Error())
	assert.Equal(t, "p: m", Error{Path: "p", Message: "m"}.Error())
	assert.Equal(t, "p:1:2: m\nn", Errors{{"p", 1, 2, "m"}, {Message: "n"}}.Error())
}

func TestSystemNamespaces(t *testing.T) {
	for name, want := range map[string]bool{
		"kube-system": true, "kube-node-lease": true, "istio-system": true, "openshift-dns": true, "calico-system": true,
		"default": false, "kube": false, "payments-system": false, "my-kube-system": false,
	} {
		assert.Equal(t, want, isSystem(name), name)
	}
}
