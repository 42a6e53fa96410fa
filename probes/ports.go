package probes

// Ports is where a target listens. Zero lets the system choose, for tests.
// Of the kinds that are lists, an empty one opens nothing.
type Ports struct {
	HTTP   int
	H2C    []int
	TLS    []int
	TCP    []int
	UDP    []int
	Banner []int
	SCTP   []int // left out where the kernel has none
	DNS    []int // of a name server by UDP, which probe pods are none of
	DNSTCP []int // of the same by TCP
	Health int
}

// DefaultPorts are those of every probe pod.
func DefaultPorts() Ports {
	return Ports{
		HTTP: PortHTTP, H2C: []int{PortH2C}, TLS: []int{PortTLS}, TCP: []int{PortTCP}, UDP: []int{PortUDP},
		Banner: []int{PortBanner}, SCTP: []int{PortSCTP}, Health: PortHealth,
	}
}

// of are the ports on which attempts of one kind are answered.
func (p Ports) of(proto string) []int {
	switch Do(proto) {
	case DoHTTP:
		return []int{p.HTTP}
	case DoH2C:
		return p.H2C
	case DoTLS:
		return p.TLS
	case DoTCP:
		return p.TCP
	case DoUDP:
		return p.UDP
	case DoBanner:
		return p.Banner
	case DoSCTP:
		return p.SCTP
	}
	return nil
}
