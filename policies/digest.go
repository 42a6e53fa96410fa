package policies

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
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
	for _, list := range s.policies {
		for i := range list {
			all = append(all, Digest{list[i].Namespace, list[i].Name, digest(&list[i].Spec)})
		}
	}
	slices.SortFunc(all, func(a, b Digest) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, true
}

func digest(spec *networkingv1.NetworkPolicySpec) string {
	text, err := json.Marshal(spec)
	if err != nil {
		panic(err) // it came as JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
