package outside

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/pki"
	"github.com/partywall/partywall/lab/state"
)

// world serves all hosts of one lab until its context is done.
type world struct {
	ctx       context.Context
	lab       state.Lab
	journal   *journal
	authority *pki.Authority
}

// Serve answers as the outside's hosts until the context is done. It returns
// once all of them listen.
func Serve(ctx context.Context, lab state.Lab) error {
	// Nobody is told to trust it: to every client the certificates are strange.
	authority, err := pki.NewAuthority("outside of " + lab.ID())
	if err != nil {
		return err
	}
	w := world{ctx: ctx, lab: lab, journal: newJournal(), authority: authority}
	for _, host := range Hosts() {
		for _, service := range host.Services {
			if err := w.serve(host, service); err != nil {
				return fmt.Errorf("serving %s on %s %s/%d: %w", service.Kind, host.Address, service.Protocol, service.Port, err)
			}
		}
	}
	return nil
}

func (w world) serve(host Host, service Service) error {
	address := hostPort(host.Address, service.Port)
	if service.Protocol == "udp" {
		packets, err := network.ListenPacket(w.ctx, w.lab.Netns(), "udp4", address)
		if err != nil {
			return err
		}
		context.AfterFunc(w.ctx, func() { _ = packets.Close() })
		return w.serveDatagrams(service.Kind, packets)
	}
	listener, err := network.Listen(w.ctx, w.lab.Netns(), "tcp4", address)
	if err != nil {
		return err
	}
	context.AfterFunc(w.ctx, func() { _ = listener.Close() })
	return w.serveStreams(host, service.Kind, listener)
}

func (w world) serveDatagrams(kind string, packets net.PacketConn) error {
	switch kind {
	case kindEcho:
		go echoDatagrams(w.journal, packets)
	case kindDNS:
		go func() { _ = w.resolver().serveDatagrams(packets) }()
	default:
		return fmt.Errorf("nothing serves %s over UDP", kind)
	}
	return nil
}

func (w world) serveStreams(host Host, kind string, listener net.Listener) error {
	seen := witness{Listener: listener, journal: w.journal, kind: kind}
	switch kind {
	case kindEcho:
		go echoStreams(seen)
	case kindDNS:
		go func() { _ = w.resolver().serveStreams(seen) }()
	case kindHTTP:
		w.serveHTTP(seen, recordRequests(w.journal, kind, http.HandlerFunc(greet)))
	case kindHTTPS:
		return w.serveHTTPS(host, seen, recordRequests(w.journal, kind, http.HandlerFunc(greet)))
	case kindDoH:
		return w.serveHTTPS(host, seen, recordRequests(w.journal, kind, dohHandler(w.resolver())))
	case kindMetadata:
		w.serveHTTP(seen, recordRequests(w.journal, kind, metadataHandler()))
	case kindRecords:
		w.serveHTTP(listener, recordsHandler(w.journal))
	default:
		return fmt.Errorf("nothing serves %s over TCP", kind)
	}
	return nil
}

func (w world) server(handler http.Handler) *http.Server {
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, Handler: handler}
	context.AfterFunc(w.ctx, func() { _ = server.Close() })
	return server
}

func (w world) serveHTTP(listener net.Listener, handler http.Handler) {
	server := w.server(handler)
	go func() { _ = server.Serve(listener) }()
}

func (w world) serveHTTPS(host Host, listener net.Listener, handler http.Handler) error {
	pair, err := w.authority.Issue(pki.Subject{User: host.Name, Hosts: []string{host.Name}, IPs: []net.IP{net.ParseIP(host.Address)}})
	if err != nil {
		return err
	}
	certificate, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return fmt.Errorf("reading the certificate of %s: %w", host.Name, err)
	}
	server := w.server(handler)
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return nil
}
