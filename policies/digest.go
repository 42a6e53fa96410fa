package policies

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Digest is what a policy says, in short: two with the same one say the same.
type Digest struct {
	Namespace, Name string
	SHA256          string // of its specification, in hexadecimal
}

// Digests are those of all policies, in the order of their names; ok is false
// where some could not be read.
func (s *Set) Digests() (all []Digest, ok bool) {
	if s.unread {
		return nil, false
	}
	for _, p := range s.Objects() {
		all = append(all, Digest{p.Namespace, p.Name, digest(&p.Spec)})
	}
	return all, true
}

// Objects are the policies themselves, as far as they could be read, in the
// order of their names: what they say and their labels, without what the cluster
// and its users wrote about them.
func (s *Set) Objects() []networkingv1.NetworkPolicy {
	if s == nil {
		return nil
	}
	var all []networkingv1.NetworkPolicy
	for _, list := range s.policies {
		for i := range list {
			all = append(all, networkingv1.NetworkPolicy{
				TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
				ObjectMeta: metav1.ObjectMeta{Namespace: list[i].Namespace, Name: list[i].Name, Labels: list[i].Labels},
				Spec:       list[i].Spec,
			})
		}
	}
	slices.SortFunc(all, func(a, b networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func digest(spec *networkingv1.NetworkPolicySpec) string {
	text, err := json.Marshal(spec)
	if err != nil {
		panic(err) // it came as JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
