package reports

import "fmt"

// checkWords say what each check tries, for reports that are read far from the
// documentation.
var checkWords = map[string]string{
	"network/http":                "HTTP to another tenant's probe, by its Service and by its pod",
	"network/tcp":                 "a TCP connection to another tenant's probe, by its Service and by its pod",
	"network/udp":                 "a UDP datagram to another tenant's probe, by its Service and by its pod",
	"network/banner":              "a TCP connection to another tenant's probe that speaks first, before any wall could read a request",
	"network/tls":                 "HTTP within TLS to another tenant's probe",
	"network/h2c":                 "HTTP/2 without TLS, as gRPC has it, to another tenant's probe",
	"network/sctp":                "an SCTP connection to another tenant's pod",
	"network/icmp":                "an ICMP echo request to another tenant's pod",
	"dns/service":                 "what the cluster's resolver tells of another tenant's Service",
	"dns/service-tcp":             "what the cluster's resolver tells of another tenant's Service over TCP",
	"dns/srv":                     "what the cluster's resolver tells of the ports of another tenant's Service",
	"dns/headless":                "what the cluster's resolver tells of the pods behind another tenant's Service",
	"dns/pod-record":              "what the cluster's resolver tells of a pod of another tenant",
	"dns/sweep":                   "whose the addresses of a sample of the range of Services are, by the cluster's resolver",
	"dns/reverse":                 "whose an address of another tenant's is, by the cluster's resolver",
	"dns/mixed-case":              "the name of another tenant's Service in capitals and small letters, past filters of names",
	"dns/search":                  "the name of another tenant's Service with a search path behind it, past filters of names",
	"dns/wildcard":                "a star in place of the names of another tenant's Services",
	"dns/outside-resolver":        "what a DNS server outside tells of another tenant's Service",
	"egress/internet":             "a connection to hosts that stand for the internet",
	"egress/allowed-host":         "a connection to a host outside that the tenancy allows",
	"egress/resolver":             "a question to a DNS server outside, by UDP",
	"egress/resolver-tcp":         "a question to a DNS server outside, by TCP",
	"egress/resolver-doh":         "a question to a DNS server outside, by HTTPS",
	"egress/exfiltration":         "a name of a zone outside, by which data could leave through the cluster's own resolver",
	"egress/metadata":             "a connection to the cloud's metadata service",
	"egress/metadata-spelled":     "the address of the cloud's metadata service, spelled so that filters may not know it",
	"egress/kube-api":             "a connection to the cluster's API server",
	"egress/kubelet":              "a connection to the kubelets of the nodes",
	"egress/node-ports":           "a connection to a port that a Service opens on the nodes",
	"egress/witness-http":         "HTTP to the witness outside, which records what arrives",
	"egress/witness-tls":          "TLS to the witness outside, which records what arrives",
	"egress/witness-tcp":          "a TCP connection to the witness outside, which records what arrives",
	"egress/witness-udp":          "a UDP datagram to the witness outside, which records what arrives",
	"egress/witness-dns":          "a DNS question to the witness outside, which records what arrives",
	"egress/witness-dns-tcp":      "a DNS question to the witness outside by TCP, which records what arrives",
	"egress/witness-exfiltration": "a name of the witness's zone, which reaches it through the cluster's own resolver",
	"admission/host-network":      "a pod on its node's network, which the API server is asked for by a dry run",
	"mesh/http":                   "HTTP to another tenant's pod behind a mesh's proxy, from a pod with such a proxy and from one without",
	"mesh/h2c":                    "HTTP/2, as gRPC has it, to another tenant's pod behind a mesh's proxy, from a pod with such a proxy and from one without",
	"mesh/tcp":                    "a TCP connection that is no HTTP to another tenant's pod behind a mesh's proxy, from a pod with such a proxy and from one without",
	"mesh/banner":                 "a connection to a server behind another tenant's proxy that speaks first, before a mesh's policy for connections is asked",
	"mesh/control-plane":          "a connection to the mesh's control plane on ports that tenants' pods do not need",
	"mesh/egress":                 "a request to a host of the internet, through the proxy of the source's own pod",
	"mesh/egress-allowed":         "a request to a host that tenants may reach, through the proxy of the source's own pod",
	"mesh/injected":               "a question to the API server, by a dry run, whether a pod that asks for nothing gets the mesh's proxy",
	"mesh/bypass-label":           "a question to the API server, by a dry run, whether a pod may do without the mesh's proxy by a label",
	"mesh/bypass-annotation":      "a question to the API server, by a dry run, whether a pod may do without the mesh's proxy by an annotation",
	"mesh/bypass-container-uid":   "a question to the API server, by a dry run, whether a container may run as the proxy's user, past the proxy",
	"mesh/bypass-container-gid":   "a question to the API server, by a dry run, whether a container may run as the proxy's group, past the proxy",
	"mesh/bypass-included":        "a question to the API server, by a dry run, whether a pod may have its proxy see some addresses only",
	"mesh/bypass-interfaces":      "a question to the API server, by a dry run, whether a pod may keep an interface from its proxy",
	"mesh/bypass-uid":             "a question to the API server, by a dry run, whether a pod may run as the proxy's user, past the proxy",
	"mesh/bypass-gid":             "a question to the API server, by a dry run, whether a pod may run as the proxy's group, past the proxy",
	"mesh/bypass-ports":           "a question to the API server, by a dry run, whether a pod may keep ports from its proxy by an annotation",
	"mesh/bypass-ranges":          "a question to the API server, by a dry run, whether a pod may keep addresses from its proxy by an annotation",
	"mesh/bypass-interception":    "a question to the API server, by a dry run, whether a pod may have its proxy intercept nothing",
	"mesh/identity":               "what a pod's workload is told by its own mesh proxy of who asks it, where the client names another tenant",
	"mesh/known":                  "what a pod's own mesh proxy knows of another tenant's Services, read from it by the pod",
	"mesh/method-post":            "HTTP POST, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/method-put":             "HTTP PUT, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/method-patch":           "HTTP PATCH, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/method-delete":          "HTTP DELETE, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/method-options":         "HTTP OPTIONS, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/method-propfind":        "HTTP PROPFIND, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/method-head":            "HTTP HEAD, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/method-trace":           "HTTP TRACE, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/host-case":              "HTTP with its host in capital letters, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/host-dot":               "HTTP with its host ended by a dot, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/host-other":             "HTTP with another host, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/tls-anonymous":          "HTTP in mutual TLS without a certificate, to another tenant's pod behind a mesh's proxy",
	"mesh/tls-self-signed":        "HTTP in mutual TLS, to another tenant's pod behind a mesh's proxy, by a certificate that its client signed itself, in the name of that tenant",
	"mesh/tls-foreign":            "HTTP in mutual TLS, to another tenant's pod behind a mesh's proxy, by a certificate of an authority of no mesh, in the name of that tenant",
	"mesh/path-slashes":           "HTTP by a path with two slashes, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/path-dots":              "HTTP by a path with /./ in it, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/path-backslash":         "HTTP by a path with a backslash, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/path-case":              "HTTP by a path in capital letters, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/path-encoded":           "HTTP by a path with a letter in percent encoding, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/path-hidden-slash":      "HTTP by a path with a slash in percent encoding, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/path-parameter":         "HTTP by a path with a parameter in it, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/upgrade-h2c":            "HTTP that offers to go on by HTTP/2, to another tenant's pod behind a mesh's proxy, which a policy that names what is denied may not know",
	"mesh/proxy-port":             "an HTTP HEAD request to a port of the mesh's proxy beside another tenant's pod",
	"services/connect":            "a connection to a real Service of another tenant's, by its name and by its addresses outside and ports of the nodes",
	"services/head":               "an HTTP HEAD request to a real Service of another tenant's, by its name and by its addresses outside and ports of the nodes",
}

// CheckWords says what a check, suite/check, tries. Of one that this version
// does not know, only its name is known.
func CheckWords(check string) string {
	if words, ok := checkWords[check]; ok {
		return words
	}
	return fmt.Sprintf("the check %s", line(check))
}

// DescribedChecks are those of which CheckWords knows what they try.
func DescribedChecks() []string {
	var checks []string
	for check := range checkWords {
		checks = append(checks, check)
	}
	return checks
}
