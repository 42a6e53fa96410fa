package cluster

import (
	"slices"
	"strings"
	"testing"

	"github.com/partywall/partywall/lab/state"
)

// TestFamilies holds a lab of one family against one of two: what differs is
// IPv6, and nothing of IPv4 is taken away.
func TestFamilies(t *testing.T) {
	all := func(lab state.Lab) []string {
		node := lab.Nodes()[0]
		return slices.Concat(apiserverArguments(lab), kubeletArguments(lab, node), ciliumArguments(lab, node), nodeObject(node).Spec.PodCIDRs)
	}
	single, dual := all(state.Lab{Name: "x"}), all(state.Lab{Name: "x", DualStack: true})
	for _, a := range single {
		if strings.Contains(a, "fd00:") {
			t.Errorf("a lab of one family has %s", a)
		}
	}
	for _, want := range []string{
		"--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112", "--node-ip=10.66.0.11,fd00:10:66::11", "--enable-ipv4=true", "--enable-ipv6=true",
		"--ipv4-native-routing-cidr=10.244.0.0/16", "--ipv6-native-routing-cidr=fd00:10:244::/48", "10.244.1.0/24", "fd00:10:244:1::/64",
	} {
		if !slices.Contains(dual, want) {
			t.Errorf("a lab of two families lacks %s: %q", want, dual)
		}
	}
}
