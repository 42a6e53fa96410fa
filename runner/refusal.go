package runner

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/partywall/partywall/probes"
)

// maxRefusal is how many characters of a refusal are kept. Whoever writes an
// admission policy writes its words.
const maxRefusal = 500

// passing are the codes of refusals that say: not now.
var passing = []int32{http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests}

// readRefusal reads why the API server would not create a pod. Only what is known
// to be a decision of admission's about the pod itself is a denial: a quota
// that is full, a right that is missing, a namespace that is going, or a webhook
// that cannot be asked says nothing of it.
func readRefusal(err error, pod string) (probes.Outcome, string) {
	words := clipped(err.Error())
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return probes.Error, words
	}
	s := status.Status()
	if s.Code < http.StatusBadRequest || s.Code >= http.StatusInternalServerError || slices.Contains(passing, s.Code) {
		return probes.Error, words
	}
	if decided(strings.TrimPrefix(s.Message, fmt.Sprintf("pods %q is forbidden: ", pod))) {
		return probes.Forbidden, words
	}
	return probes.Error, words
}

// decided knows the words by which Pod Security, webhooks, policies in CEL and
// OpenShift's security context constraints refuse a pod.
func decided(words string) bool {
	switch {
	case strings.HasPrefix(words, `violates PodSecurity "`),
		strings.HasPrefix(words, "unable to validate against any security context constraint"):
		return true
	case strings.HasPrefix(words, `admission webhook "`):
		return strings.Contains(words, `" denied the request`)
	case strings.HasPrefix(words, "ValidatingAdmissionPolicy '"):
		policy, why, denied := strings.Cut(words, " denied request: ")
		return denied && !strings.Contains(policy, "'partywall-fence") && !unevaluated(why)
	}
	return false
}

// unevaluated says that a policy in CEL refused because it could not tell.
func unevaluated(why string) bool {
	return strings.HasPrefix(why, "failed ") || strings.HasPrefix(why, "unrecognized failure policy") ||
		strings.Contains(why, "resulted in error") || strings.Contains(why, "compilation error") || strings.Contains(why, "cost budget exceeded")
}

// clipped bounds words that others write.
func clipped(words string) string {
	runes := []rune(strings.ToValidUTF8(words, "\uFFFD"))
	if len(runes) <= maxRefusal {
		return string(runes)
	}
	return string(runes[:maxRefusal]) + "…"
}
