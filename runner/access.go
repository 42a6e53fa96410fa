package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// needed is what a runner does in a tenant's namespace; manifests/roles grants
// just this.
var needed = []authorizationv1.ResourceAttributes{
	{Verb: "create", Group: "batch", Resource: "jobs"},
	{Verb: "list", Group: "batch", Resource: "jobs"},
	{Verb: "delete", Group: "batch", Resource: "jobs"},
	{Verb: "create", Resource: "services"},
	{Verb: "list", Resource: "services"},
	{Verb: "delete", Resource: "services"},
	{Verb: "list", Resource: "pods"},
	{Verb: "watch", Resource: "pods"},
	{Verb: "create", Resource: "pods", Subresource: "exec"},
	{Verb: "get", Resource: "pods", Subresource: "exec"},
	{Verb: "list", Resource: "events"},
	{Verb: "watch", Resource: "events"},
	{Verb: "list", Resource: "resourcequotas"},
	{Verb: "list", Group: "networking.k8s.io", Resource: "networkpolicies"},
	{Verb: "watch", Group: "networking.k8s.io", Resource: "networkpolicies"},
}

// missing names the rights that the runner lacks in a namespace, each as verb
// and resource. What the namespace's rules grant is not asked for one by one;
// they may be incomplete, so that what they do not grant is.
func (c *Cluster) missing(ctx context.Context, namespace string) ([]string, error) {
	var lacks []string
	rules := c.rules(ctx, namespace)
	for _, attributes := range needed {
		if granted(rules, attributes) {
			continue
		}
		attributes.Namespace = namespace
		ok, err := c.may(ctx, attributes)
		if err != nil {
			return nil, err
		}
		if !ok {
			lacks = append(lacks, describeAccess(attributes))
		}
	}
	return lacks, nil
}

func (c *Cluster) may(ctx context.Context, attributes authorizationv1.ResourceAttributes) (bool, error) {
	review, err := c.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx,
		&authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &attributes},
		}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking whether the runner may %s: %w", describeAccess(attributes), err)
	}
	return review.Status.Allowed, nil
}

// rules are what the runner is granted in a namespace, as far as one question
// tells. A cluster that does not answer it is asked the others.
func (c *Cluster) rules(ctx context.Context, namespace string) []authorizationv1.ResourceRule {
	review, err := c.Client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx,
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}, metav1.CreateOptions{})
	if err != nil {
		return nil
	}
	return review.Status.ResourceRules
}

// granted says that one of the rules grants something for objects of any name.
func granted(rules []authorizationv1.ResourceRule, a authorizationv1.ResourceAttributes) bool {
	resource := a.Resource
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	names := func(list []string, one string) bool {
		return slices.Contains(list, one) || slices.Contains(list, "*")
	}
	return slices.ContainsFunc(rules, func(r authorizationv1.ResourceRule) bool {
		return len(r.ResourceNames) == 0 && names(r.Verbs, a.Verb) && names(r.APIGroups, a.Group) && names(r.Resources, resource)
	})
}

func describeAccess(a authorizationv1.ResourceAttributes) string {
	resource := a.Resource
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	if a.Group != "" {
		resource += "." + a.Group
	}
	return a.Verb + " " + resource
}

// checkAccess tells before anything is created which places the runner cannot
// work in. It is an error where that is all of them.
func (r *run) checkAccess(ctx context.Context) error {
	err := r.eachPlace(ctx, func(ctx context.Context, p *place) error {
		lacks, err := r.cluster.missing(ctx, p.namespace)
		if err != nil {
			return err
		}
		if len(lacks) > 0 {
			p.fail("the runner lacks rights in namespace %s: %s (manifests/roles grants them)", p.namespace, strings.Join(lacks, ", "))
		}
		return nil
	})
	if err != nil {
		return err
	}
	var problems []string
	for _, p := range r.places {
		if p.problem != "" {
			problems = append(problems, p.problem)
		}
	}
	if len(problems) > 0 && len(problems) == len(r.places) {
		return fmt.Errorf("nothing can be tested:\n  %s", strings.Join(problems, "\n  "))
	}
	for _, problem := range problems {
		r.opts.Progress.Note(problem)
	}
	return nil
}
