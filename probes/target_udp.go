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
	return t.listenDatagrams(host, port, t.answerDatagram)
}

// answerDatagram answers a question. Never more out than in: a forged sender
// address must not make the target an amplifier. Sources pad their datagrams
// for it.
func (t *Target) answerDatagram(port int, seq uint64, datagram []byte) []byte {
	nonce, token := parseQuestion(datagram)
	answer := t.judge(string(DoUDP), port, seq, nonce, token)
	if len(answer) > len(datagram) {
		return nil
	}
	return answer
}

// listenDatagrams opens a listener whose datagrams are recorded, and answered
// one by one, or not.
func (t *Target) listenDatagrams(host string, port int, answer func(port int, seq uint64, datagram []byte) []byte) (int, error) {
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
	t.serve = append(t.serve, func(context.Context) error { return t.serveUDP(c, port, answer) })
	return port, nil
}

func (t *Target) serveUDP(c *net.UDPConn, port int, answer func(int, uint64, []byte) []byte) error {
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
		seq := t.ledger.open(string(DoUDP), port, from, true)
		if words := answer(port, seq, buf[:n]); words != nil {
			c.WriteToUDPAddrPort(words, from) //nolint:errcheck // the source resends
		}
	}
}
