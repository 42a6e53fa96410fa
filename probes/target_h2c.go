package probes

import (
	"net"
	"net/http"
)

// Bounds on what one connection of HTTP/2 may hold in memory.
const (
	maxStreams = 16
	maxFrame   = 16 << 10
	maxUnread  = 64 << 10
)

// listenH2C answers as the HTTP listener does, by HTTP/2 without TLS.
func (t *Target) listenH2C(host string, port int) (int, error) {
	return t.listenWeb(DoH2C, host, port, func(srv *http.Server, l net.Listener) net.Listener {
		srv.Protocols = onlyH2C()
		srv.HTTP2 = &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReadFrameSize:              maxFrame,
			MaxReceiveBufferPerConnection: maxUnread,
			MaxReceiveBufferPerStream:     maxUnread,
		}
		return l
	})
}
