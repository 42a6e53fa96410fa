package probes

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"
)

func (t *Target) listenTCP(host string, port int) (int, error) {
	return t.listenStreams(DoTCP, host, port, func(port int, c *visit) { t.answerLine(DoTCP, port, c) })
}

// listenStreams opens a listener whose connections are answered one by one.
func (t *Target) listenStreams(do Do, host string, port int, answer func(int, *visit)) (int, error) {
	w, err := t.witness(host, string(do), port)
	if err != nil {
		return 0, err
	}
	return t.answerStreams(w, answer), nil
}

func (t *Target) answerStreams(w *witness, answer func(int, *visit)) int {
	t.serve = append(t.serve, func(context.Context) error { return serveStreams(w, answer) })
	return w.port
}

func serveStreams(w *witness, answer func(int, *visit)) error {
	for {
		c, err := w.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer c.Close() //nolint:errcheck // nobody to tell
			if c.SetDeadline(time.Now().Add(connLife)) == nil {
				answer(w.port, c.(*visit))
			}
		}()
	}
}

// answerLine reads one line and answers it, or not: who shows no token is told
// nothing.
func (t *Target) answerLine(do Do, port int, c *visit) {
	line, err := bufio.NewReaderSize(c, maxQuestion).ReadSlice('\n')
	nonce, token := parseQuestion(line)
	if err != nil {
		token = "" // a line that was not ended may have been cut: recorded, not answered
	}
	if answer := t.judge(string(do), port, c.seq, nonce, token); answer != nil {
		c.Write(answer) //nolint:errcheck // a client that left is in the receipts
	}
}
