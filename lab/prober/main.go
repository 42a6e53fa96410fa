// Command prober is the lab's own witness: it shares no code with Partywall, so
// that the lab's walls are proven before Partywall is trusted to test any.
//
//	prober serve NAME                answers on 8080: HTTP over TCP, and an echo over UDP; on 7070
//	                                 it speaks first, over TCP
//	prober connect HOW ADDR:PORT     tries once; prints what answered, or why nothing did:
//	                                 tcp (HTTP; a path may follow the port), http (with the status
//	                                 in front), tls (HTTPS), line, udp
//	prober resolve NAME [HOW SERVER] prints the name's first address, by the server (over udp
//	                                 or tcp) or by the pod's own resolver
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	port         = ":8080"
	greetingPort = ":7070"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "prober:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 2 && args[0] == "serve" {
		return serve(args[1])
	}
	answer, err := try(args)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, answer)
	return err
}

func try(args []string) (answer string, err error) {
	switch {
	case len(args) == 3 && args[0] == "connect":
		return connect(args[1], args[2])
	case len(args) == 2 && args[0] == "resolve":
		return resolve(args[1], "", "")
	case len(args) == 4 && args[0] == "resolve":
		return resolve(args[1], args[2], args[3])
	}
	return "", fmt.Errorf("usage: prober serve NAME | prober connect tcp|http|tls|line|udp ADDRESS:PORT | prober resolve NAME [udp|tcp SERVER:PORT]")
}

// serve answers every HTTP path with the name and echoes datagrams behind it,
// on port 8080 and, for cases about ports, on 8081 and 8082.
func serve(name string) error {
	failed := make(chan error, 1)
	listener, err := net.Listen("tcp", greetingPort)
	if err != nil {
		return err
	}
	go func() { failed <- greet(listener, name) }()
	for _, port := range []string{port, ":8081", ":8082"} {
		packets, err := net.ListenPacket("udp", port)
		if err != nil {
			return err
		}
		go func() { failed <- echo(packets, name) }()
		server := &http.Server{Addr: port, ReadHeaderTimeout: 10 * time.Second, Handler: greeter(name)}
		go func() { failed <- server.ListenAndServe() }()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-failed:
		return err
	case <-stop:
		return nil
	}
}

func greeter(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, name)
	})
}

// greet says the name to whoever connects, before anything is asked.
func greet(listener net.Listener, name string) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		// One that has gone again is not greeted.
		_, _ = fmt.Fprintln(conn, name)
		_ = conn.Close()
	}
}

func echo(packets net.PacketConn, name string) error {
	buffer := make([]byte, 1500)
	for {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return err
		}
		// An answer that cannot be sent is one the asker does not get.
		_, _ = packets.WriteTo(append([]byte(name+" "), buffer[:n]...), from)
	}
}
