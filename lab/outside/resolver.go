package outside

import (
	"net"

	"github.com/miekg/dns"
)

// resolver answers questions and writes each down.
type resolver struct{ journal *journal }

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

func (r resolver) serveDatagrams(packets net.PacketConn) error {
	return (&dns.Server{PacketConn: packets, Handler: r}).ActivateAndServe()
}

func (r resolver) serveStreams(listener net.Listener) error {
	return (&dns.Server{Listener: listener, Handler: r}).ActivateAndServe()
}
