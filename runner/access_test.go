package runner

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestGranted(t *testing.T) {
	t.Parallel()
	exec := authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Subresource: "exec"}
	jobs := authorizationv1.ResourceAttributes{Verb: "create", Group: "batch", Resource: "jobs"}
	for _, c := range []struct {
		name string
		rule authorizationv1.ResourceRule
		of   authorizationv1.ResourceAttributes
		want bool
	}{
		{"just that", rule("create", "batch", "jobs"), jobs, true},
		{"everything", rule("*", "*", "*"), exec, true},
		{"another verb", rule("list", "batch", "jobs"), jobs, false},
		{"another group", rule("create", "", "jobs"), jobs, false},
		{"pods are not their exec", rule("create", "", "pods"), exec, false},
		{"the exec of pods", rule("create", "", "pods/exec"), exec, true},
		{"of one name only", authorizationv1.ResourceRule{
			Verbs: []string{"create"}, APIGroups: []string{"batch"}, Resources: []string{"jobs"}, ResourceNames: []string{"x"},
		}, jobs, false},
	} {
		assert.Equal(t, c.want, granted([]authorizationv1.ResourceRule{c.rule}, c.of), c.name)
	}
}

func rule(verb, group, resource string) authorizationv1.ResourceRule {
	return authorizationv1.ResourceRule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}}
}

// One question tells what is granted, and only the rest is asked for.
func TestRulesSpareQuestions(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	allow(client, func(a authorizationv1.ResourceAttributes) bool { return a.Resource == "events" })
	client.PrependReactor("create", "selfsubjectrulesreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectRulesReview)
		for _, n := range needed {
			if n.Resource != "events" {
				resource := n.Resource
				if n.Subresource != "" {
					resource += "/" + n.Subresource
				}
				review.Status.ResourceRules = append(review.Status.ResourceRules, rule(n.Verb, n.Group, resource))
			}
		}
		return true, review, nil
	})
	lacks, err := (&Cluster{Client: client}).missing(t.Context(), "t1")
	require.NoError(t, err)
	assert.Equal(t, []string{"list events", "watch events"}, lacks)
	assert.Len(t, client.Actions(), 3)
}
