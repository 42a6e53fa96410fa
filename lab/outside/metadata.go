package outside

import (
	"fmt"
	"net/http"
)

// The credential that the metadata service hands out says what it is.
const (
	fakeRole  = "partywall-lab-node"
	fakeValue = "FAKE-OF-A-PARTYWALL-LAB"
)

// metadataHandler answers as the metadata services of three clouds do: each by
// its own paths, and with the headers that it insists on. As on nodes with the
// defaults of long ago, Amazon's asks for no session token.
func metadataHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", text("latest"))
	mux.Handle("PUT /latest/api/token", demand("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "", http.StatusBadRequest, text(fakeValue)))
	mux.Handle("GET /latest/meta-data/{$}", text("iam/\ninstance-id"))
	mux.Handle("GET /latest/meta-data/instance-id", text("i-partywall-lab"))
	const roles = "/latest/meta-data/iam/security-credentials/"
	mux.Handle("GET "+roles+"{$}", text(fakeRole))
	mux.Handle("GET "+roles+fakeRole, text(fmt.Sprintf(
		`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q}`, fakeValue, fakeValue, fakeValue)))
	token := text(fmt.Sprintf(`{"access_token":%q,"expires_in":3599,"token_type":"Bearer"}`, fakeValue))
	mux.Handle("GET /computeMetadata/v1/instance/service-accounts/default/token", demand("Metadata-Flavor", "Google", http.StatusForbidden, token))
	mux.Handle("GET /metadata/identity/oauth2/token", demand("Metadata", "true", http.StatusBadRequest, token))
	return mux
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, body)
	}
}

// demand refuses a request without a header: so the clouds turn away what a
// client was tricked into sending. Where want is empty, any value does.
func demand(header, want string, refusal int, next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get(header); got == "" || want != "" && got != want {
			http.Error(w, "the header "+header+" is missing", refusal)
			return
		}
		next.ServeHTTP(w, r)
	}
}
