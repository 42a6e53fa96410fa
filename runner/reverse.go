package runner

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/partywall/partywall/probes"
)

// settleReverse takes an answer for none that tells nothing of whose the address
// is that was asked about, be it the tenant itself who asked.
func (s *shot) settleReverse() {
	if s.about != nil && s.outcome == probes.Reached && !slices.ContainsFunc(s.observation.Answers, s.about.isTold) {
		s.outcome = probes.Unresolved
	}
}

// isTold says that a name for the address of the pod's Service tells of it:
// resolvers of clouds and templates make names out of the address itself, which
// they give to whatever is asked and which tell of nobody, unless they have the
// tenant, the namespace or the Service in them besides.
func (q *pod) isTold(name string) bool {
	if !spells(name, q.serviceIP()) {
		return true
	}
	words := "-" + dashed(name) + "-"
	return slices.ContainsFunc([]string{q.place.tenant, q.place.namespace, q.job}, func(word string) bool {
		return strings.Contains(words, "-"+dashed(word)+"-")
	})
}

// dashed is a name with dashes between its words, whatever stood there.
func dashed(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !isLetterOrDigit(r) }), "-")
}

func isLetterOrDigit(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }

// spells says that a name has an address in it: its bytes in decimal, forwards
// or backwards, or all of it in hexadecimal, whatever stands between them, or as
// it is written with dashes for the colons.
func spells(name string, ip netip.Addr) bool {
	name = strings.ToLower(name)
	bytes := ip.AsSlice()
	backwards := slices.Clone(bytes)
	slices.Reverse(backwards)
	if decimal := numbersIn(name); hasRun(decimal, bytes) || hasRun(decimal, backwards) {
		return true
	}
	if strings.Contains(strings.NewReplacer("-", "", ".", "").Replace(name), hex.EncodeToString(bytes)) {
		return true
	}
	return slices.ContainsFunc(strings.Split(name, "."), func(label string) bool {
		written, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ":"))
		return err == nil && written == ip
	})
}

// numbersIn are the decimal numbers of a name, in order; what is too large to be
// a byte stands for none.
func numbersIn(name string) []int {
	var all []int
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.Atoi(word)
		if err != nil {
			n = -1
		}
		all = append(all, n)
	}
	return all
}

// hasRun says that the numbers of an IPv4 address stand in a row.
func hasRun(numbers []int, bytes []byte) bool {
	if len(bytes) != 4 {
		return false
	}
	for i := 0; i+len(bytes) <= len(numbers); i++ {
		if slices.EqualFunc(numbers[i:i+len(bytes)], bytes, func(n int, b byte) bool { return n == int(b) }) {
			return true
		}
	}
	return false
}
