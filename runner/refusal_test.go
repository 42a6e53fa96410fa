package runner

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/probes"
)

func status(code int32, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: message}}
}

const forbiddenPod = `pods "partywall-x-admission" is forbidden: `

// The words are those of Kubernetes 1.37, of OpenShift's SecurityContextConstraint
// plugin, and of a webhook of no one's in particular.
func TestReadRefusal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want probes.Outcome
	}{
		"Pod Security":     {status(403, forbiddenPod+`violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`), probes.Forbidden},
		"a policy in CEL":  {status(422, forbiddenPod+`ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no hostNetwork`), probes.Forbidden},
		"a webhook":        {status(403, `admission webhook "w.example.com" denied the request: no hostNetwork`), probes.Forbidden},
		"a silent webhook": {status(400, `admission webhook "w.example.com" denied the request without explanation`), probes.Forbidden},
		"OpenShift's constraints": {status(403, forbiddenPod+`unable to validate against any security context constraint: `+
			`[provider "restricted-v2": .spec.securityContext.hostNetwork: Invalid value: true: Host network is not allowed to be used]`), probes.Forbidden},

		"RBAC":                     {status(403, `pods is forbidden: User "x" cannot create resource "pods" in API group "" in the namespace "t1"`), probes.Error},
		"RBAC of somebody's words": {status(403, `pods is forbidden: User "violates PodSecurity \"" cannot create resource "pods" in API group "" in the namespace "t1"`), probes.Error},
		"a full quota":             {status(403, forbiddenPod+`exceeded quota: violates, requested: pods=1, used: pods=1, limited: pods=1`), probes.Error},
		"a quota not yet counted":  {status(403, forbiddenPod+`status unknown for quota: q, resources: pods`), probes.Error},
		"a limit":                  {status(403, forbiddenPod+`minimum cpu usage per Container is 1, but request is 10m`), probes.Error},
		"a namespace that goes":    {status(403, forbiddenPod+`unable to create new content in namespace t1 because it is being terminated`), probes.Error},
		"no namespace":             {status(404, `namespaces "t1" not found`), probes.Error},
		"a webhook that is away":   {status(500, `Internal error occurred: failed calling webhook "w.example.com": context deadline exceeded`), probes.Error},
		"a webhook without dry runs": {
			status(400, `admission webhook "w.example.com" does not support dry run`), probes.Error},
		"a webhook's own fault":       {status(500, `admission webhook "w.example.com" denied the request: boom`), probes.Error},
		"a webhook that is too busy":  {status(429, `admission webhook "w.example.com" denied the request: later`), probes.Error},
		"a webhook that gave up":      {status(408, `admission webhook "w.example.com" denied the request: late`), probes.Error},
		"a conflict":                  {status(409, `pods "partywall-x-admission" already exists`), probes.Error},
		"an invalid pod":              {status(422, `Pod "partywall-x-admission" is invalid: spec.hostNetwork: Invalid value`), probes.Error},
		"the runner's own fence":      {status(422, forbiddenPod+`ValidatingAdmissionPolicy 'partywall-fence' with binding 'partywall-fence' denied request: no`), probes.Error},
		"a policy that could not say": {status(422, forbiddenPod+`ValidatingAdmissionPolicy 'p' with binding 'b' denied request: expression 'x' resulted in error: no such key: y`), probes.Error},
		"a policy without its params": {status(422, forbiddenPod+`ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed to configure binding: no params found`), probes.Error},
		"another object's refusal":    {status(403, `pods "other" is forbidden: violates PodSecurity "baseline:latest": x`), probes.Error},
		"a busy API server":           {status(http.StatusTooManyRequests, "too many requests"), probes.Error},
		"no API server":               {errors.New("connection refused"), probes.Error},
		"no time":                     {context.DeadlineExceeded, probes.Error},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, words := readRefusal(tt.err, "partywall-x-admission")
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.err.Error(), words)
		})
	}
}

func TestARefusalsWordsAreBounded(t *testing.T) {
	t.Parallel()
	_, words := readRefusal(status(403, forbiddenPod+`violates PodSecurity "`+strings.Repeat("ä\xff", 100_000)), "partywall-x-admission")
	assert.Len(t, []rune(words), maxRefusal+1)
	assert.True(t, strings.HasSuffix(words, "…"))
}
