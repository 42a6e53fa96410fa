package outside

import (
	"bufio"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestMetadata(t *testing.T) {
	const (
		aws   = "/latest/meta-data/iam/security-credentials/"
		gcp   = "/computeMetadata/v1/instance/service-accounts/default/token"
		azure = "/metadata/identity/oauth2/token?api-version=2018-02-01"
	)
	tests := []struct {
		method, path, header string
		status               int
		want                 string
	}{
		{"GET", "/", "", 200, "latest"},
		{"GET", aws, "", 200, fakeRole},
		{"GET", aws + fakeRole, "", 200, fakeValue},
		{"GET", aws + "somebody", "", 404, ""},
		{"PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60", 200, fakeValue},
		{"PUT", "/latest/api/token", "", 400, "missing"},
		{"GET", gcp, "Metadata-Flavor: Google", 200, fakeValue},
		{"GET", gcp, "Metadata-Flavor: Other", 403, "missing"},
		{"GET", gcp, "", 403, "missing"},
		{"GET", azure, "Metadata: true", 200, fakeValue},
		{"GET", azure, "", 400, "missing"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path+" "+test.header, func(t *testing.T) {
			request := httptest.NewRequest(test.method, test.path, nil)
			if name, value, ok := strings.Cut(test.header, ": "); ok {
				request.Header.Set(name, value)
			}
			j, recorder := newJournal(), httptest.NewRecorder()
			recordRequests(j, kindMetadata, metadataHandler()).ServeHTTP(recorder, request)
			if recorder.Code != test.status || !strings.Contains(recorder.Body.String(), test.want) {
				t.Errorf("%d %q, want %d and %q", recorder.Code, recorder.Body, test.status, test.want)
			}
			if seen := j.page(0, all).Entries; len(seen) != 1 || !strings.HasPrefix(seen[0].Request, test.method+" "+test.path) {
				t.Errorf("recorded: %+v", seen)
			}
		})
	}
}

func TestEchoes(t *testing.T) {
	j := newJournal()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close(); listener.Close() })
	go echoDatagrams(j, packets)
	go echoStreams(witness{listener, j, kindEcho})
	for protocol, address := range map[string]string{"udp": packets.LocalAddr().String(), "tcp": listener.Addr().String()} {
		t.Run(protocol, func(t *testing.T) {
			since := j.page(0, all).Last
			conn, err := net.Dial(protocol, address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			fmt.Fprintln(conn, "hello")
			lines := bufio.NewReader(conn)
			greeted, err := lines.ReadString('\n')
			want := "outside " + address + " saw " + conn.LocalAddr().String()
			if err != nil || !strings.HasPrefix(greeted, want) {
				t.Errorf("%q, %v, want %q", greeted, err, want)
			}
			if protocol == "tcp" {
				if echoed, err := lines.ReadString('\n'); err != nil || echoed != "hello\n" {
					t.Errorf("%q, %v", echoed, err)
				}
			} else if !strings.HasSuffix(greeted, ": hello\n") {
				t.Errorf("%q does not carry what was sent", greeted)
			}
			seen := j.page(since, all).Entries
			if len(seen) != 1 || seen[0].From != conn.LocalAddr().String() || seen[0].Protocol != protocol {
				t.Errorf("recorded: %+v", seen)
			}
		})
	}
}

func TestHostsAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, host := range Hosts() {
		if net.ParseIP(host.Address).To4() == nil || seen[host.Address] || seen[host.Name] {
			t.Errorf("%+v", host)
		}
		seen[host.Address], seen[host.Name] = true, true
		if address, ok := addressOf(host.Name + "."); !ok || address != host.Address {
			t.Errorf("%s resolves to %q", host.Name, address)
		}
	}
}
