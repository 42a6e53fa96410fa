package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGreeter(t *testing.T) {
	server := httptest.NewServer(greeter("shop"))
	defer server.Close()
	for method, want := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405} {
		request, err := http.NewRequest(method, server.URL+"/any/path", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", method, response.StatusCode, want)
		}
	}
}

func TestConnect(t *testing.T) {
	server := httptest.NewServer(greeter("shop"))
	defer server.Close()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	go func() { _ = echo(packets, "shop") }()
	secure := httptest.NewTLSServer(greeter("shop"))
	defer secure.Close()
	greeting, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer greeting.Close()
	go func() { _ = greet(greeting, "shop") }()
	if answer, err := connect("http", strings.TrimPrefix(server.URL, "http://")); err != nil || answer != "200 shop" {
		t.Errorf("http: %q, %v", answer, err)
	}
	for protocol, address := range map[string]string{
		"tcp":  strings.TrimPrefix(server.URL, "http://"),
		"tls":  strings.TrimPrefix(secure.URL, "https://") + "/any/path",
		"line": greeting.Addr().String(),
		"udp":  packets.LocalAddr().String(),
	} {
		answer, err := connect(protocol, address)
		if err != nil || !strings.HasPrefix(answer, "shop") {
			t.Errorf("%s: %q, %v", protocol, answer, err)
		}
	}
}

func TestConnectToNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	for _, protocol := range []string{"tcp", "http", "tls", "line", "udp"} {
		if answer, err := connect(protocol, address); err == nil {
			t.Errorf("%s: a closed port answered %q", protocol, answer)
		}
	}
}

func TestResolveByNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	for _, protocol := range []string{"tcp", "udp", "carrier pigeon"} {
		if answer, err := resolve("shop.example.", protocol, address); err == nil {
			t.Errorf("%s: a closed port answered %q", protocol, answer)
		}
	}
}
