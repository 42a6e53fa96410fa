package outside

import (
	"fmt"
	"strings"
)

// The outside's addresses are from the blocks that RFC 5737 keeps for
// documentation. Labs do not see each other, so all use the same.
const (
	// Web is an ordinary host of the internet.
	Web = "203.0.113.10"
	// Other is its neighbour, for blocks with an exception.
	Other = "203.0.113.20"
	// Files is a host of another network.
	Files = "198.51.100.20"
	// Witness is an address for what a test runs outside: nothing answers there
	// until then.
	Witness = "203.0.113.30"
	// Resolver answers names, and shows what was seen.
	Resolver = "203.0.113.53"
	// Metadata is the address of a cloud's metadata service.
	Metadata = "169.254.169.254"
)

// What a host serves on a port.
const (
	kindHTTP     = "http"
	kindHTTPS    = "https"
	kindEcho     = "echo"
	kindDNS      = "dns"
	kindDoH      = "doh"
	kindMetadata = "metadata"
	kindRecords  = "records"
)

// Host is one host of the outside.
type Host struct {
	Address  string    `json:"address"`
	Name     string    `json:"name"`
	Services []Service `json:"services"`
}

// String is the host's name and what it serves.
func (h Host) String() string {
	var services []string
	for _, s := range h.Services {
		services = append(services, fmt.Sprintf("%s %s/%d", s.Kind, s.Protocol, s.Port))
	}
	return h.Name + ": " + strings.Join(services, ", ")
}

// Service is what a host answers on one port.
type Service struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	Kind     string `json:"kind"`
}

// Hosts are all hosts of the outside.
func Hosts() []Host {
	return []Host{
		{Web, "web.outside.example", append(web(), echoes(7, 4444)...)},
		{Other, "other.outside.example", web()},
		{Files, "files.outside.example", web()},
		{Witness, "witness.outside.example", nil},
		{Resolver, "dns.outside.example", []Service{
			{"udp", 53, kindDNS}, {"tcp", 53, kindDNS}, {"tcp", 443, kindDoH}, {"tcp", recordsPort, kindRecords},
		}},
		{Metadata, "metadata.google.internal", []Service{{"tcp", 80, kindMetadata}}},
	}
}

func web() []Service {
	return []Service{{"tcp", 80, kindHTTP}, {"tcp", 443, kindHTTPS}, {"tcp", 8080, kindHTTP}}
}

func echoes(ports ...int) []Service {
	var services []Service
	for _, port := range ports {
		services = append(services, Service{"tcp", port, kindEcho}, Service{"udp", port, kindEcho})
	}
	return services
}

// Addresses are the addresses of all hosts.
func Addresses() []string {
	var addresses []string
	for _, host := range Hosts() {
		addresses = append(addresses, host.Address)
	}
	return addresses
}
