package outside

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/partywall/partywall/lab/network"
)

// resolver answers questions and writes each down.
type resolver struct {
	journal *journal
	// ask has the name server of the zone that is not the outside's own answer.
	ask func(*dns.Msg) (*dns.Msg, error)
}

// resolver is the world's.
func (w world) resolver() resolver { return resolver{journal: w.journal, ask: w.askWitness} }

// askWitness passes a question on, as a resolver does.
func (w world) askWitness(m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
	defer cancel()
	conn, err := network.Dial(ctx, w.lab.Netns(), "udp4", hostPort(Witness, 53))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reply, _, err := (&dns.Client{}).ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn})
	return reply, err
}

// ServeDNS answers over UDP and TCP.
func (r resolver) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	// An answer that cannot be sent is one the asker does not get.
	_ = w.WriteMsg(r.reply(m, place(kindDNS, w.LocalAddr(), w.RemoteAddr())))
}

// reply makes the answer to a message, which the library has checked to hold
// one question.
func (r resolver) reply(m *dns.Msg, asked Entry) *dns.Msg {
	q := m.Question[0]
	asked.Name, asked.Type = q.Name, dns.Type(q.Qtype).String()
	number := r.journal.add(asked)
	if dns.IsSubDomain(Seen+".", strings.ToLower(q.Name)) {
		return r.passedOn(m)
	}
	reply := new(dns.Msg)
	reply.SetReply(m)
	// Compressed, every answer fits the smallest datagram.
	reply.Authoritative, reply.RecursionAvailable, reply.Compress = true, true, true
	reply.Answer, reply.Ns, reply.Rcode = answer(q, number, asked.From)
	if option := m.IsEdns0(); option != nil {
		reply.SetEdns0(dns.DefaultMsgSize, option.Do())
	}
	return reply
}

// passedOn is the answer of another name server, or that there is none to be had.
func (r resolver) passedOn(m *dns.Msg) *dns.Msg {
	question := m.Copy()
	question.Extra = nil // no extensions: the name server knows none
	reply, err := r.ask(question)
	if err != nil {
		return new(dns.Msg).SetRcode(m, dns.RcodeServerFailure)
	}
	return reply
}

func (r resolver) serveDatagrams(packets net.PacketConn) error {
	return (&dns.Server{PacketConn: packets, Handler: r}).ActivateAndServe()
}

func (r resolver) serveStreams(listener net.Listener) error {
	return (&dns.Server{Listener: listener, Handler: r}).ActivateAndServe()
}
