package main

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// counter counts the calls to an API server, by verb and resource.
type counter struct {
	mu    sync.Mutex
	calls map[string]int
	execs int
}

func newCounter() *counter { return &counter{calls: map[string]int{}} }

// transport is a function that is one.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func (c *counter) wrap(next http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		c.count(r)
		return next.RoundTrip(r)
	})
}

var namespaced = regexp.MustCompile(`/namespaces/[^/]+/`)

func (c *counter) count(r *http.Request) {
	parts := strings.Split(strings.Trim(namespaced.ReplaceAllString(r.URL.Path, "/"), "/"), "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	if parts[len(parts)-1] == "exec" {
		c.execs++
		return
	}
	verb := strings.ToLower(r.Method)
	if r.URL.Query().Get("watch") != "" {
		verb = "watch"
	}
	at := 2 // api/v1/RESOURCE
	if parts[0] == "apis" {
		at = 3
	}
	what := "discovery"
	if len(parts) > at {
		what = parts[at]
	}
	c.calls[verb+" "+what]++
}
