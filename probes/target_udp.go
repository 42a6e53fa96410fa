package probes

import (
	"context"
	"errors"
	"net"
	"time"
)

// udpBuffer holds a burst while the target is not scheduled. The kernel caps it
// at net.core.rmem_max.
const udpBuffer = 1 << 20

func (t *Target) listenUDP(host string, port int) (int, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(context.Background(), "udp", hostPort(host, port))
	if err != nil {
		return 0, err
	}
	c := pc.(*net.UDPConn)
	t.closers = append(t.closers, c.Close)
	t.udp = append(t.udp, c)
	c.SetReadBuffer(udpBuffer) //nolint:errcheck // drops are counted, whatever the size
	port = c.LocalAddr().(*net.UDPAddr).Port
	t.serve = append(t.serve, func(context.Context) error { return t.serveUDP(c, port) })
	return port, nil
}

func (t *Target) serveUDP(c *net.UDPConn, port int) error {
	buf := make([]byte, maxQuestion)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil && passing(err):
			time.Sleep(5 * time.Millisecond)
			continue
		case err != nil:
			return err
		}
		seq := t.ledger.open("udp", port, from)
		nonce, token := parseQuestion(buf[:n])
		answer := t.judge("udp", port, seq, nonce, token)
		// Never more out than in: a forged sender address must not make the
		// target an amplifier. Sources pad their datagrams for it.
		if answer != nil && len(answer) <= n {
			c.WriteToUDPAddrPort(answer, from) //nolint:errcheck // the source resends
		}
	}
}
