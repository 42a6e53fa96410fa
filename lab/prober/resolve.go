package main

import (
	"context"
	"fmt"
	"net"
)

// resolve asks a few times, each within the deadline: a question that is lost
// on a busy machine is no wall.
func resolve(name, how, server string) (string, error) {
	resolver := &net.Resolver{PreferGo: true}
	switch {
	case how == "udp", how == "tcp":
		// Whichever it would have asked, and however.
		resolver.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, how, server)
		}
	case how != "":
		return "", fmt.Errorf("protocol %q: use udp or tcp", how)
	}
	var err error
	for range 2 {
		var addresses []net.IP
		if addresses, err = lookUp(resolver, name); err == nil {
			return addresses[0].String(), nil
		}
	}
	return "", err
}

func lookUp(resolver *net.Resolver, name string) ([]net.IP, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return resolver.LookupIP(ctx, "ip4", name)
}
