package probes

import (
	"crypto/tls"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// form is another way to write the question of an HTTP attempt. A policy that says
// what is denied, and not what is allowed, may know the one and not the other.
type form struct {
	method string // GET where it is empty
	path   func(path string) string
	host   func(host string) string
	header string // more lines of it
	// shown makes what the client shows of itself in TLS, around the request, to
	// one who asks; nil is a request without TLS.
	shown func(namespace string) ([]tls.Certificate, error)
}

// forms are those that backends take for the same question. What Envoy makes of the
// paths is in Istio's documentation of path normalisation
// (istio.io/latest/docs/ops/best-practices/security, "Understand traffic capture limitations"
// and "Customize your system on path normalization").
var forms = map[string]form{
	"method-post":       {method: http.MethodPost},
	"method-put":        {method: http.MethodPut},
	"method-patch":      {method: http.MethodPatch},
	"method-delete":     {method: http.MethodDelete},
	"method-options":    {method: http.MethodOptions},
	"method-propfind":   {method: "PROPFIND"}, // of WebDAV: proxies know it, and few policies do
	"method-head":       {method: http.MethodHead},
	"method-trace":      {method: http.MethodTrace},
	"host-case":         {host: strings.ToUpper},
	"host-dot":          {host: dotted},
	"host-other":        {host: func(string) string { return "localhost" }},
	"path-slashes":      {path: func(path string) string { return "/" + path }},
	"path-dots":         {path: func(path string) string { return "/." + path }},
	"path-backslash":    {path: func(path string) string { return "/\\" + path[1:] }},
	"path-case":         {path: func(path string) string { return strings.Replace(path, pathPrefix, "/PARTYWALL/", 1) }},
	"path-encoded":      {path: func(path string) string { return "/%70" + path[2:] }},
	"path-hidden-slash": {path: func(path string) string { return "/x/..%2f" + path[1:] }},
	"path-parameter":    {path: func(path string) string { return strings.Replace(path, pathPrefix, "/partywall;x=1/", 1) }},
	"tls-anonymous":     {shown: nobody},
	"tls-self-signed":   {shown: selfMade},
	"tls-foreign":       {shown: foreign},
	"upgrade-h2c":       {header: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"},
}

// Forms are the names of those without TLS, sorted.
func Forms() []string { return formsOf(func(f form) bool { return f.shown == nil }) }

// Identities are the names of those in which the client says in TLS who it is, and
// is not, or says nothing; sorted.
func Identities() []string { return formsOf(func(f form) bool { return f.shown != nil }) }

func formsOf(which func(form) bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(forms)), func(name string) bool { return !which(forms[name]) })
}

// dotted is the same host as the root of all names ends it.
func dotted(host string) string {
	name, port, found := strings.Cut(host, ":")
	if !found {
		return name + "."
	}
	return name + ".:" + port
}
