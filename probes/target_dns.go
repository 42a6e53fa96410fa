package probes

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// A question for a target's name server carries nonce and token in the first
// two labels of its name, in hexadecimal: resolvers on the way may change
// between capital and small letters.

// NewNameNonce makes a nonce that can stand in a name.
func NewNameNonce() string {
	b, _ := base64.RawURLEncoding.DecodeString(NewNonce()) // it was just encoded
	return hex.EncodeToString(b)
}

// Name is the name in zone by which a target that is asked for its TXT record
// is reached. The nonce is one of [NewNameNonce].
func (k Key) Name(nonce, zone string) string {
	return nonce + "." + k.nameToken(nonce) + "." + strings.TrimSuffix(zone, ".") + "."
}

func (k Key) nameToken(nonce string) string {
	b, _ := base64.RawURLEncoding.DecodeString(k.mac("name", nonce)) // it was just encoded
	return hex.EncodeToString(b)
}

// nameQuestion reads what Name wrote. A resolver that asks for a name label by
// label sends the end of it first: that has no nonce.
func nameQuestion(name string) (nonce, token string) {
	labels := strings.SplitN(strings.ToLower(name), ".", 3)
	if len(labels) < 3 || !isHexWord(labels[0]) || !isHexWord(labels[1]) {
		return "", ""
	}
	return labels[0], labels[1]
}

func isHexWord(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == macSize
}

// listenDNS plays name server by UDP. Whatever is asked, it claims no more
// than that the name exists; only a good token is told anything.
func (t *Target) listenDNS(host string, port int) (int, error) {
	return t.listenDatagrams(host, port, t.answerName)
}

func (t *Target) listenDNSTCP(host string, port int) (int, error) {
	return t.listenStreams(DoTCP, host, port, func(port int, c *visit) {
		msg, err := readQuestion(c)
		if err != nil {
			return
		}
		if answer := t.answerName(port, c.seq, msg); answer != nil {
			framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)
			c.Write(framed) //nolint:errcheck // a client that left is in the receipts
		}
	})
}

// readQuestion reads one message behind its length, if it is as short as
// questions are.
func readQuestion(c io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n > maxQuestion {
		return nil, errOtherAnswer
	}
	msg := make([]byte, n)
	_, err := io.ReadFull(c, msg)
	return msg, err
}

// answerName answers one question: who shows a good token gets the signed line
// as a TXT record, and anybody else as many bytes as he sent, at most.
func (t *Target) answerName(port int, seq uint64, msg []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response || h.OpCode != 0 {
		return nil
	}
	asked, err := p.Question()
	if err != nil {
		return nil
	}
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true, RecursionDesired: h.RecursionDesired},
		Questions: []dnsmessage.Question{asked},
	}
	if line := t.judgeName(port, seq, asked.Name.String()); line != nil && asked.Type == dnsmessage.TypeTXT {
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.TXTResource{TXT: []string{strings.TrimSuffix(string(line), "\n")}},
		}}
	}
	packed, err := reply.Pack()
	if err != nil || len(reply.Answers) == 0 && len(packed) > len(msg) {
		return nil
	}
	return packed
}

func (t *Target) judgeName(port int, seq uint64, name string) []byte {
	nonce, token := nameQuestion(name)
	if nonce == "" {
		return nil
	}
	key := t.currentKey()
	good := len(key) == KeySize && equalWords(key.nameToken(nonce), token)
	t.ledger.fill(seq, nonce, good)
	if !good {
		return nil
	}
	return key.answer(string(DoDNS), port, nonce, t.boot, seq)
}
