package main

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"

	images "github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"
)

// fakeProbe stands for the probes that a build by `make build` carries.
func fakeProbe(arch string) ([]byte, error) { return []byte("the probe for " + arch), nil }

// startRegistry is the script command `registry [-tls]`: it starts an image
// registry of the script's own, at $REGISTRY.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	quiet := log.New(io.Discard, "", 0)
	server := httptest.NewUnstartedServer(images.New(images.Logger(quiet)))
	server.Config.ErrorLog = quiet
	switch {
	case !neg && len(args) == 0:
		server.Start()
	case !neg && len(args) == 1 && args[0] == "-tls":
		server.StartTLS()
	default:
		ts.Fatalf("usage: registry [-tls]")
	}
	ts.Defer(server.Close)
	_, host, _ := strings.Cut(server.URL, "://")
	ts.Setenv("REGISTRY", host)
}
