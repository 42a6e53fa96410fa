package probes

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Bounds on what is kept of an answer of DNS.
const (
	maxAnswers = 16
	maxData    = 255
)

// lookupTypes are those that can be asked for.
var lookupTypes = map[string]dnsmessage.Type{
	"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "SRV": dnsmessage.TypeSRV,
	"PTR": dnsmessage.TypePTR, "TXT": dnsmessage.TypeTXT,
}

// The response codes that an outcome hangs on.
const (
	rcodeNoError  = "NOERROR"
	rcodeNXDomain = "NXDOMAIN"
	rcodeRefused  = "REFUSED"
)

// rcodeName is the name that operators know a response code by.
func rcodeName(c dnsmessage.RCode) string {
	names := []string{rcodeNoError, "FORMERR", "SERVFAIL", rcodeNXDomain, "NOTIMP", rcodeRefused}
	if int(c) < len(names) {
		return names[c]
	}
	return "RCODE" + strconv.Itoa(int(c))
}

// lookup is one question with the number that its answer has to bring back.
type lookup struct {
	id       uint16
	question dnsmessage.Question
}

func newLookup(host, kind string) (lookup, error) {
	name, err := dnsmessage.NewName(strings.TrimSuffix(host, ".") + ".")
	if err != nil {
		return lookup{}, fmt.Errorf("asking for %q: %w", host, err)
	}
	var id [2]byte
	rand.Read(id[:])
	q := dnsmessage.Question{Name: name, Type: lookupTypes[kind], Class: dnsmessage.ClassINET}
	return lookup{id: binary.BigEndian.Uint16(id[:]), question: q}, nil
}

func (l lookup) query() ([]byte, error) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: l.id, RecursionDesired: true},
		Questions: []dnsmessage.Question{l.question},
	}
	packed, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("asking for %q: %w", l.question.Name, err)
	}
	return packed, nil
}

// finding is what an answer says.
type finding struct {
	rcode     string
	data      []string
	truncated bool
}

// read takes the answer to this very question, and no other.
func (l lookup) read(msg []byte) (finding, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || !h.Response || h.ID != l.id {
		return finding{}, errOtherAnswer
	}
	asked, err := p.AllQuestions()
	if err != nil || !l.repeated(asked, h.RCode) {
		return finding{}, errOtherAnswer
	}
	f := finding{rcode: rcodeName(h.RCode), truncated: h.Truncated}
	data, err := l.answers(&p)
	if err != nil && !h.Truncated { // the end of a cut message need not be a whole record
		return finding{}, errOtherAnswer
	}
	f.data = bounded(data)
	return f, nil
}

// repeated says whether an answer repeats the question. A server that could not
// read the question may leave it out.
func (l lookup) repeated(asked []dnsmessage.Question, code dnsmessage.RCode) bool {
	if len(asked) == 0 {
		return code == dnsmessage.RCodeFormatError
	}
	q := l.question
	return len(asked) == 1 && asked[0].Type == q.Type && asked[0].Class == q.Class &&
		strings.EqualFold(asked[0].Name.String(), q.Name.String())
}

// answers reads the data of every record of the asked type.
func (l lookup) answers(p *dnsmessage.Parser) ([]string, error) {
	var all []string
	for {
		r, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if r.Header.Type == l.question.Type && r.Header.Class == l.question.Class {
			all = append(all, recordData(r.Body))
		}
	}
}

func recordData(body dnsmessage.ResourceBody) string {
	switch r := body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(r.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(r.AAAA).String()
	case *dnsmessage.SRVResource:
		return r.Target.String() + ":" + strconv.Itoa(int(r.Port))
	case *dnsmessage.PTRResource:
		return r.PTR.String()
	case *dnsmessage.TXTResource:
		return strings.Join(r.TXT, "")
	}
	return ""
}

// bounded sorts, since servers turn their answers round, and keeps what there is
// room for. Data of strangers may be any bytes.
func bounded(data []string) []string {
	slices.Sort(data)
	data = data[:min(len(data), maxAnswers)]
	for i, d := range data {
		data[i] = clip(strings.ToValidUTF8(d, "?"), maxData)
	}
	return data
}
