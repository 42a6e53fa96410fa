package probes

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"
)

func (t *Target) listenTCP(host string, port int) (int, error) {
	w, err := t.witness(host, "tcp", port)
	if err != nil {
		return 0, err
	}
	t.serve = append(t.serve, func(context.Context) error { return t.serveTCP(w) })
	return w.port, nil
}

func (t *Target) serveTCP(w *witness) error {
	for {
		c, err := w.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go t.answerTCP(w.port, c.(*visit))
	}
}

// answerTCP reads one line and answers it or closes: no byte goes to who shows
// no token.
func (t *Target) answerTCP(port int, c *visit) {
	defer c.Close() //nolint:errcheck // nobody to tell
	if c.SetDeadline(time.Now().Add(connLife)) != nil {
		return
	}
	line, err := bufio.NewReaderSize(c, maxQuestion).ReadSlice('\n')
	nonce, token := parseQuestion(line)
	if err != nil {
		token = "" // a line that was not ended may have been cut: recorded, not answered
	}
	if answer := t.judge("tcp", port, c.seq, nonce, token); answer != nil {
		c.Write(answer) //nolint:errcheck // a client that left is in the receipts
	}
}
