package network

import (
	"fmt"
	"os"

	"github.com/partywall/partywall/lab/state"
)

// forwardPackets lets the lab's namespaces route: /proc/sys/net shows each
// thread the values of the network namespace that it is in.
func forwardPackets(lab state.Lab) error {
	forward := func() error {
		if err := setSysctl("net/ipv4/ip_forward", "1"); err != nil || !lab.DualStack {
			return err
		}
		return setSysctl("net/ipv6/conf/all/forwarding", "1")
	}
	if err := Inside(lab.Netns(), forward); err != nil {
		return err
	}
	for _, node := range lab.Nodes() {
		err := Inside(node.Netns, func() error {
			if err := forward(); err != nil {
				return err
			}
			return setSysctl("net/ipv4/conf/all/route_localnet", "1")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func setSysctl(name, value string) error {
	if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	return nil
}
