package outside

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"

	"github.com/miekg/dns"
)

const mediaType = "application/dns-message"

// dohHandler answers questions over HTTPS as RFC 8484 has it, and greets on all
// other paths.
func dohHandler(r resolver) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dns-query", func(w http.ResponseWriter, request *http.Request) {
		message, err := base64.RawURLEncoding.DecodeString(request.URL.Query().Get("dns"))
		r.answerDoH(w, request, message, err)
	})
	mux.HandleFunc("POST /dns-query", func(w http.ResponseWriter, request *http.Request) {
		message, err := io.ReadAll(http.MaxBytesReader(w, request.Body, dns.MaxMsgSize))
		r.answerDoH(w, request, message, err)
	})
	mux.HandleFunc("/", greet)
	return mux
}

func (r resolver) answerDoH(w http.ResponseWriter, request *http.Request, message []byte, err error) {
	var m dns.Msg
	if err == nil {
		err = m.Unpack(message)
	}
	if err == nil && (m.Response || m.Opcode != dns.OpcodeQuery || len(m.Question) != 1) {
		err = errors.New("send one question")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked := Entry{Host: localAddress(request), Service: kindDoH, Protocol: "tcp", From: request.RemoteAddr}
	packed, err := r.reply(&m, asked).Pack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	// The asker may have gone.
	_, _ = w.Write(packed)
}
