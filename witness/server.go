package witness

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/netutil"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/tenancy"
)

const (
	// maxReaders is how many connections the control port holds at a time,
	// strangers' that are about to be turned away among them.
	maxReaders = 64
	readerLife = 20 * time.Second
	greetTime  = 5 * time.Second // for a handshake and a request
)

// receiptsPath is where receipts are asked for.
const receiptsPath = "/receipts"

// Options shape a witness.
type Options struct {
	Host     string                // the address to listen on; empty means all
	Ports    []tenancy.WitnessPort // of which exactly one is HTTP's
	Control  string                // address:port for runners
	Key      Key
	Receipts int // how many are remembered; zero means the default of targets
}

// Server is a witness.
type Server struct {
	target  *probes.Target
	control net.Listener
	http    *http.Server
}

// Listen opens all listeners of a witness.
func Listen(o Options) (*Server, error) {
	ports, err := portsOf(o.Ports)
	if err != nil {
		return nil, err
	}
	security, err := secured(o.Key, endServer, endClient)
	if err != nil {
		return nil, err
	}
	target, err := probes.ListenTarget(probes.TargetOptions{Host: o.Host, Ports: ports, Receipts: o.Receipts})
	if err != nil {
		return nil, err
	}
	if err := target.SetKey(o.Key.Answers()); err != nil {
		target.Close()
		return nil, err
	}
	control, err := net.Listen("tcp", o.Control)
	if err != nil {
		target.Close()
		return nil, fmt.Errorf("listening for runners on %s: %w", o.Control, err)
	}
	s := &Server{target: target, control: control}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+receiptsPath, s.receipts)
	s.http = &http.Server{
		Handler: mux, ReadTimeout: greetTime, WriteTimeout: readerLife, IdleTimeout: greetTime, MaxHeaderBytes: 4 << 10,
		TLSConfig: security, ErrorLog: log.New(io.Discard, "", 0), // whatever strangers do is no news
	}
	return s, nil
}

func portsOf(list []tenancy.WitnessPort) (probes.Ports, error) {
	var p probes.Ports
	webs := 0
	for _, port := range list {
		switch port.Kind {
		case tenancy.WitnessHTTP:
			p.HTTP = port.Number
			webs++
		case tenancy.WitnessTLS:
			p.TLS = append(p.TLS, port.Number)
		case tenancy.WitnessTCP:
			p.TCP = append(p.TCP, port.Number)
		case tenancy.WitnessUDP:
			p.UDP = append(p.UDP, port.Number)
		case tenancy.WitnessDNS:
			p.DNS, p.DNSTCP = append(p.DNS, port.Number), append(p.DNSTCP, port.Number)
		}
	}
	if webs != 1 {
		return p, fmt.Errorf("a witness listens for HTTP on one port, not on %d", webs)
	}
	return p, nil
}

// Ports are those that the witness records arrivals on.
func (s *Server) Ports() probes.Ports { return s.target.Ports() }

// Control is where runners ask it.
func (s *Server) Control() string { return s.control.Addr().String() }

// Serve answers until the context ends, or a listener breaks.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { _ = s.http.Close() })
	defer stop()
	defer s.http.Close()
	go func() { cancel(s.target.Serve(ctx)) }()
	err := s.http.Serve(tls.NewListener(netutil.LimitListener(s.control, maxReaders), s.http.TLSConfig))
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// receipts tells what arrived after a number, a batch a line. After the
// greatest number there is nothing: so a run begins, whatever came before it.
func (s *Server) receipts(w http.ResponseWriter, r *http.Request) {
	after := uint64(math.MaxUint64)
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			http.Error(w, "after: not a number", http.StatusBadRequest)
			return
		}
	}
	encoder := json.NewEncoder(w)
	_ = s.target.Receipts(after, func(batch probes.Receipts) error { return encoder.Encode(batch) }) // a reader that left reads again
}
