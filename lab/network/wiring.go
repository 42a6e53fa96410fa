package network

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
)

// Gateway is the outer namespace's address on the bridge: etcd and the API
// server listen there. Labs do not see each other, so all use the same.
const Gateway = "10.66.0.1"

// gatewayIPv6 leads to the other node's pods in a lab of two families. Nothing
// listens there, and nothing outside has such an address.
const gatewayIPv6 = "fd00:10:66::1"

// Create makes the lab's network namespaces and joins them. The outer one gets
// the addresses of the hosts outside the cluster.
func Create(ctx context.Context, family *processes.Family, lab state.Lab, outside []string) error {
	if err := makeNamespace(lab.Netns()); err != nil {
		return err
	}
	for _, node := range lab.Nodes() {
		if err := makeNamespace(node.Netns); err != nil {
			return err
		}
	}
	if err := ipBatch(ctx, family, lab.Netns(), outerBatch(lab, outside)); err != nil {
		return fmt.Errorf("wiring the outer network namespace: %w", err)
	}
	for _, node := range lab.Nodes() {
		if err := ipBatch(ctx, family, node.Netns, nodeBatch(node)); err != nil {
			return fmt.Errorf("wiring %s: %w", node.Name, err)
		}
	}
	return forwardPackets(lab)
}

// ipBatch runs iproute2's commands inside a network namespace.
func ipBatch(ctx context.Context, family *processes.Family, path, commands string) error {
	cmd := exec.CommandContext(ctx, "nsenter", "--net="+path, "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(commands)
	_, err := family.Run(cmd)
	return err
}

func outerBatch(lab state.Lab, outside []string) string {
	var b strings.Builder
	fmt.Fprintln(&b, "link set lo up")
	fmt.Fprintln(&b, "link add bridge0 type bridge")
	fmt.Fprintf(&b, "addr add %s/24 dev bridge0\n", Gateway)
	fmt.Fprintln(&b, "link set bridge0 up")
	if lab.DualStack {
		fmt.Fprintf(&b, "addr add %s/64 dev bridge0 nodad\n", gatewayIPv6)
	}
	for _, address := range outside {
		fmt.Fprintf(&b, "addr add %s/32 dev lo\n", address)
	}
	for _, node := range lab.Nodes() {
		fmt.Fprintf(&b, "link add %s type veth peer name eth0 netns %s\n", node.Name, node.Netns)
		fmt.Fprintf(&b, "link set %s master bridge0 up\n", node.Name)
		// The API server calls webhooks served by pods, and outside hosts answer them.
		fmt.Fprintf(&b, "route add %s via %s\n", node.PodCIDR, node.IP)
		if lab.DualStack {
			fmt.Fprintf(&b, "route add %s via %s\n", node.PodCIDRv6, node.IPv6)
		}
	}
	return b.String()
}

func nodeBatch(node state.Node) string {
	batch := fmt.Sprintf("link set lo up\naddr add %s/24 dev eth0\nlink set eth0 up\nroute add default via %s\n", node.IP, Gateway)
	if node.IPv6 != "" {
		batch += fmt.Sprintf("addr add %s/64 dev eth0 nodad\nroute add ::/0 via %s\n", node.IPv6, gatewayIPv6)
	}
	return batch
}
